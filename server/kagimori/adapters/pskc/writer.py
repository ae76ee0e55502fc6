# SPDX-License-Identifier: Apache-2.0
"""Writes a PSKC 1.0 document whose seeds are under a one-time key (RFC 6030).

It streams: a token that is written is out of memory. The order of the elements
is the schema's (section 11).
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Final, Protocol
from xml.sax.saxutils import escape, quoteattr

from kagimori.application.deliveries.vendor_file import (
    EncryptedSeed,
    Head,
    MacMethod,
    OneTimeKey,
    VendorToken,
)
from kagimori.domain.device import Device, Validity
from kagimori.domain.token import MovingFactor

_XMLENC: Final = "http://www.w3.org/2001/04/xmlenc#"
_XMLENC11: Final = "http://www.w3.org/2009/xmlenc11#"
_XMLDSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_XMLDSIG_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_PSKC: Final = "urn:ietf:params:xml:ns:keyprov:pskc"

_WRAPS: Final = {
    "kw-aes256": f"{_XMLENC}kw-aes256",
    "kw-aes256-pad": f"{_XMLENC11}kw-aes-256-pad",
}
_FACTORS: Final = {MovingFactor.EVENT: "hotp", MovingFactor.TIME: "totp"}
_HEAD: Final = f"""<?xml version="1.0" encoding="UTF-8"?>
<KeyContainer Version="1.0" xmlns="{_PSKC}" xmlns:ds="{_XMLDSIG}" xmlns:xenc="{_XMLENC}">
 <EncryptionKey>
  <xenc:EncryptedKey>
   <xenc:EncryptionMethod Algorithm="{_XMLENC}rsa-oaep-mgf1p">
    <ds:DigestMethod Algorithm="{_XMLDSIG}sha1"/>
   </xenc:EncryptionMethod>
   <xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData>
  </xenc:EncryptedKey>
 </EncryptionKey>
 <MACMethod Algorithm="{_XMLDSIG_MORE}%s">
  <MACKey>
   <xenc:EncryptionMethod Algorithm="{_XMLENC}%s"/>
   <xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData>
  </MACKey>
 </MACMethod>
"""
_PACKAGE: Final = f""" <KeyPackage>
  <DeviceInfo>
%s  </DeviceInfo>
  <Key Id=%s Algorithm="{_PSKC}:%s">
   <AlgorithmParameters>
    <Suite>HMAC-%s</Suite>
    <ResponseFormat Encoding="DECIMAL" Length="%d"/>
   </AlgorithmParameters>
   <Data>
    <Secret>
     <EncryptedValue>
      <xenc:EncryptionMethod Algorithm="%s"/>
      <xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData>
     </EncryptedValue>
     <ValueMAC>%s</ValueMAC>
    </Secret>
%s   </Data>
%s  </Key>
 </KeyPackage>
"""
_TAIL: Final = "</KeyContainer>\n"


class Octets(Protocol):
    """Where the document goes."""

    def write(self, octets: bytes, /) -> object:
        """Take the next octets; raise `OSError`."""
        ...


class PskcWriter:
    """A `TokenWriter`. A document is one only after `finish`."""

    def __init__(self, target: Octets, head: Head) -> None:
        """Write what stands before the first token.

        Raises `ValueError` for a ``head`` without a one-time key and a MAC.
        """
        if not isinstance(head.encryption, OneTimeKey) or head.mac is None:
            msg = "only files under a one-time key and with MACs are written"
            raise ValueError(msg)
        self._target = target
        self._write(_head(head.encryption, head.mac))

    def write(self, token: VendorToken) -> None:
        """See `TokenWriter.write`."""
        self._write(_package(token))

    def finish(self) -> None:
        """Write the document's end; raise `OSError`."""
        self._write(_TAIL)

    def _write(self, text: str) -> None:
        self._target.write(text.encode())


def _head(key: OneTimeKey, mac: MacMethod) -> str:
    return _HEAD % (
        _base64(key.ciphertext),
        mac.algorithm,
        mac.key_algorithm,
        _base64(mac.key_ciphertext),
    )


def _package(token: VendorToken) -> str:
    profile, seed = token.profile, token.seed
    return _PACKAGE % (
        _device(token.serial, token.device),
        quoteattr(token.serial),
        _FACTORS[profile.factor],
        profile.hash,
        profile.digits,
        *_seed(seed),
        _moving(token),
        _policy(token.validity),
    )


def _seed(seed: EncryptedSeed) -> tuple[str, str, str]:
    return _WRAPS[seed.algorithm], _base64(seed.ciphertext), _base64(seed.mac or b"")


def _device(serial: str, device: Device) -> str:
    # The day is all that is known of it.
    start = f"{device.since.isoformat()}T00:00:00Z" if device.since else ""
    return "".join(
        f"   <{name}>{escape(text)}</{name}>\n"
        for name, text in (
            ("Manufacturer", device.manufacturer),
            ("SerialNo", serial),
            ("Model", device.model),
            ("StartDate", start),
        )
        if text
    )


def _moving(token: VendorToken) -> str:
    """Return the counter, or the time step and how wrong the device's clock is."""
    if token.profile.factor is MovingFactor.EVENT:
        return _plain("Counter", token.last_step + 1)
    drift = _plain("TimeDrift", token.drift) if token.drift else ""
    return _plain("TimeInterval", token.profile.period) + drift


def _policy(validity: Validity) -> str:
    # The device's own dates are in it: they hold for the key as well.
    bounds = {"StartDate": validity.not_before, "ExpiryDate": validity.not_after}
    dates = "".join(
        f"    <{name}>{_moment(when)}</{name}>\n" for name, when in bounds.items() if when
    )
    return f"   <Policy>\n{dates}   </Policy>\n" if dates else ""


def _plain(name: str, number: int) -> str:
    return f"    <{name}><PlainValue>{number}</PlainValue></{name}>\n"


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")
