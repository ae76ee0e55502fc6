# SPDX-License-Identifier: Apache-2.0
"""PSKC files that python-pskc wrote, and the ways to damage them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from lxml import etree

from development.vendor import Device, write_pskc
from kagimori.adapters.pskc.file import ReadOptions, open_file
from kagimori.application.deliveries.vendor_file import (
    Fault,
    Head,
    TokenFault,
    VendorFileRefused,
    VendorToken,
)

VENDOR = "acme"
CBC_KEY = bytes(range(16))
KEYWRAP_KEY = bytes(range(100, 132))
RFC_SEED = b"12345678901234567890"

VECTORS = Path(__file__).parents[2] / "vectors" / "pskc"
FIGURE_6 = VECTORS / "rfc6030-figure6.xml"
FIGURE_6_KEY = bytes.fromhex("12345678901234567890123456789012")
UNSIGNED = ReadOptions(VENDOR)

NAMES = {
    "pskc": "urn:ietf:params:xml:ns:keyprov:pskc",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "xenc": "http://www.w3.org/2001/04/xmlenc#",
}


def written(
    directory: Path,
    devices: Iterable[Device],
    key: bytes = CBC_KEY,
    algorithm: str = "aes128-cbc",
) -> bytes:
    """Return a file with the devices' seeds under ``key``."""
    path = directory / "delivered.xml"
    write_pskc(path, devices, key, algorithm)
    return path.read_bytes()


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a document, to its end."""

    head: Head
    tokens: list[VendorToken]
    faults: list[TokenFault]


def read_path(path: Path, options: ReadOptions = UNSIGNED) -> Read:
    """Read a file to its end with the reader under test."""
    with open_file(path, options) as file:
        lines = list(file.tokens())
        return Read(
            file.head,
            [line for line in lines if isinstance(line, VendorToken)],
            [line for line in lines if isinstance(line, TokenFault)],
        )


def parsed(document: bytes, options: ReadOptions = UNSIGNED) -> Read:
    """Read a document to its end with the reader under test."""
    with NamedTemporaryFile() as file:
        file.write(document)
        file.flush()
        return read_path(Path(file.name), options)


def refusal_of(document: bytes, options: ReadOptions = UNSIGNED) -> VendorFileRefused:
    """Return why a whole document is refused; fail if it is read."""
    try:
        read = parsed(document, options)
    except VendorFileRefused as refused:
        return refused
    raise AssertionError(f"the document was read: {read}")


def file_fault(document: bytes, options: ReadOptions = UNSIGNED) -> Fault:
    """Return the word for why a whole document is refused."""
    return refusal_of(document, options).fault


def fault_of(document: bytes, options: ReadOptions = UNSIGNED) -> TokenFault:
    """Return what is wrong with the only token of a document that is read."""
    read = parsed(document, options)
    assert not read.tokens
    [fault] = read.faults
    return fault


def token_fault(document: bytes, options: ReadOptions = UNSIGNED) -> Fault:
    """Return the word for what is wrong with the only token of a document."""
    return fault_of(document, options).fault


def changed(document: bytes, change: Callable[[etree._Element], None]) -> bytes:
    """Return the document after ``change`` was made to its tree."""
    root = etree.fromstring(document)
    change(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def one(root: etree._Element, path: str) -> etree._Element:
    """Return the first element at an XPath with the prefixes pskc, ds and xenc."""
    return all_of(root, path)[0]


def all_of(root: etree._Element, path: str) -> list[etree._Element]:
    """Return the elements at an XPath, of which there is at least one."""
    found = root.xpath(path, namespaces=NAMES)
    assert isinstance(found, list)
    elements = [element for element in found if isinstance(element, etree._Element)]
    assert elements, path
    return elements


def with_attribute(document: bytes, path: str, attribute: str, value: str | None) -> bytes:
    """Return the document with an attribute of one element set, or removed."""

    def change(root: etree._Element) -> None:
        element = one(root, path)
        if value is None:
            del element.attrib[attribute]
        else:
            element.set(attribute, value)

    return changed(document, change)


def with_text(document: bytes, path: str, text: str) -> bytes:
    """Return the document with other text in one element."""

    def change(root: etree._Element) -> None:
        one(root, path).text = text

    return changed(document, change)


def without(document: bytes, path: str) -> bytes:
    """Return the document without the first element at an XPath."""

    def remove(root: etree._Element) -> None:
        element = one(root, path)
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)

    return changed(document, remove)


def with_mac_spoilt(document: bytes, number: int = 2) -> bytes:
    """Return the document with a wrong MAC over the seed of token ``number``, from 0."""

    def spoil(root: etree._Element) -> None:
        all_of(root, "//pskc:ValueMAC")[number].text = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="

    return changed(document, spoil)
