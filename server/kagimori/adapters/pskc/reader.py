# SPDX-License-Identifier: Apache-2.0
"""A PSKC 1.0 document (RFC 6030), from its XML to the tokens it tells of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

from kagimori.adapters.pskc.algorithms import MACS
from kagimori.adapters.pskc.key import KeyReader, encrypted
from kagimori.adapters.pskc.xml import (
    Parts,
    attribute,
    name_of,
    not_supported,
    refusal,
    text,
    top_level,
)
from kagimori.application.inventory.vendor_file import (
    Fault,
    MacMethod,
    VendorFile,
    VendorFileRefused,
    VendorToken,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

_VERSION: Final = "1.0"
_SERIAL: Final = re.compile(r"[0-9A-Z]{1,32}")


def read(stream: BinaryIO, vendor: str) -> VendorFile:
    """Read a whole file of ``vendor``'s, or raise `VendorFileRefused`."""
    elements = top_level(stream)
    _check_root(next(elements))
    container = _Container(vendor)
    for element in elements:
        container.take(element)
    return container.whole()


def _check_root(root: _Element) -> None:
    if name_of(root) != "KeyContainer":
        raise refusal(Fault.NOT_PSKC, root, "the root is not a KeyContainer of RFC 6030")
    if attribute(root, "Version") != _VERSION:
        raise refusal(Fault.UNSUPPORTED, root, f"only PSKC version {_VERSION} is supported")


@dataclass(slots=True)
class _Container:
    """What was read of a ``KeyContainer`` so far (RFC 6030 §4)."""

    vendor: str
    mac: MacMethod | None = None
    tokens: list[VendorToken] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def take(self, element: _Element) -> None:
        """Read one child of the container."""
        name = name_of(element)
        if name == "KeyPackage":
            self.tokens.append(_token(element, self.vendor, self.mac))
        elif name == "EncryptionKey":
            self._only_at_the_head(name, element)
            _check_encryption_key(element)
        elif name == "MACMethod":
            self._only_at_the_head(name, element)
            self.mac = _mac_method(element)
        else:
            raise not_supported(element)

    def whole(self) -> VendorFile:
        """Return the file, now that its end is reached."""
        if not self.tokens:
            raise VendorFileRefused(Fault.MISSING, "the file holds no KeyPackage")
        return VendorFile(self.mac, tuple(self.tokens))

    def _only_at_the_head(self, name: str, element: _Element) -> None:
        # A second MACMethod, or one behind a key that it should have covered,
        # would leave it open which MAC counts.
        if self.tokens or name in self._seen:
            raise refusal(Fault.UNEXPECTED, element, f"{name} stands once, before any KeyPackage")
        self._seen.add(name)


def _check_encryption_key(element: _Element) -> None:
    """Accept a pre-shared key (§6.1) only. Which one is the importer's to say."""
    name = Parts(element, "ds:KeyName").get("ds:KeyName")
    if name is not None:
        text(name)


def _mac_method(element: _Element) -> MacMethod | None:
    """Read the file's MAC (§6.1.1).

    A MACMethod that names no algorithm is none: python-pskc writes one into
    each file whose key wrap needs no MAC.
    """
    found = Parts(element, "MACKey")
    uri = element.get("Algorithm")
    if uri is None:
        return None
    algorithm = MACS.get(uri)
    if algorithm is None:
        raise refusal(Fault.UNSUPPORTED, element, "this MAC algorithm is not supported")
    return MacMethod(algorithm, *encrypted(found.need("MACKey")))


def _token(package: _Element, vendor: str, mac: MacMethod | None) -> VendorToken:
    found = Parts(package, "DeviceInfo", "CryptoModuleInfo", "Key")
    serial = _serial(found.need("DeviceInfo"))
    try:
        return KeyReader(serial, vendor, mac).token(found.need("Key"))
    except VendorFileRefused as refused:
        raise refused.about(serial) from None


def _serial(device: _Element) -> str:
    element = Parts(device, "Manufacturer", "SerialNo", "Model", "IssueNo").need("SerialNo")
    serial = text(element)
    if not _SERIAL.fullmatch(serial):
        detail = "a serial is 1 to 32 characters of 0-9 and A-Z and nothing else"
        raise refusal(Fault.BAD_SERIAL, element, detail)
    return serial
