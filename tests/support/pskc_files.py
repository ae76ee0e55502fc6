# SPDX-License-Identifier: Apache-2.0
"""PSKC files that python-pskc wrote, and the ways to damage them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path

from lxml import etree

from development.vendor import Device, write_pskc
from kagimori.adapters.pskc.reader import read
from kagimori.application.inventory.vendor_file import Fault, VendorFile, VendorFileRefused

VENDOR = "acme"
CBC_KEY = bytes(range(16))
KEYWRAP_KEY = bytes(range(100, 132))
RFC_SEED = b"12345678901234567890"

VECTORS = Path(__file__).parents[1] / "vectors" / "pskc"
FIGURE_6 = VECTORS / "rfc6030-figure6.xml"
FIGURE_6_KEY = bytes.fromhex("12345678901234567890123456789012")

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


def parsed(document: bytes) -> VendorFile:
    """Read a document with the reader under test."""
    return read(BytesIO(document), VENDOR)


def fault_of(document: bytes) -> Fault:
    """Return why a document is refused; fail if it is not."""
    return refusal_of(document).fault


def refusal_of(document: bytes) -> VendorFileRefused:
    """Return the refusal of a document; fail if it is read."""
    try:
        parsed(document)
    except VendorFileRefused as refused:
        return refused
    raise AssertionError("the document was read")


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


def without(document: bytes, path: str) -> bytes:
    """Return the document without the first element at an XPath."""

    def remove(root: etree._Element) -> None:
        element = one(root, path)
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)

    return changed(document, remove)
