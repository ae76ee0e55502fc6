# SPDX-License-Identifier: Apache-2.0
"""XML from strangers, read without trusting it.

No DTD, no entity, no processing instruction, nothing fetched, nothing deep and
nothing huge. Elements are freed as they are read, so that memory does not grow
with the file.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from lxml import etree

from kagimori.application.inventory.vendor_file import Fault, VendorFileRefused

LARGEST_FILE: Final = 64 * 1024 * 1024
"""Octets: some fifty thousand tokens."""
LONGEST_TEXT: Final = 16 * 1024
"""Characters of one value."""
DEEPEST: Final = 16
"""Levels of elements; the deepest value of RFC 6030 lies on the eighth."""

_CHUNK: Final = 64 * 1024
_ROOT: Final = 1
_CHILD_OF_ROOT: Final = 2
_WHITESPACE: Final = " \t\r\n"
_NOTHING_WAS_READ: Final = {
    etree.ErrorTypes.ERR_INTERNAL_ERROR,
    etree.ErrorTypes.ERR_DOCUMENT_EMPTY,
}
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")

_PREFIXES: Final = {
    "urn:ietf:params:xml:ns:keyprov:pskc": "",
    "http://www.w3.org/2000/09/xmldsig#": "ds:",
    "http://www.w3.org/2001/04/xmlenc#": "xenc:",
    "http://www.w3.org/2009/xmlenc11#": "xenc11:",
}

_WHY_NOT: Final = {
    "MACKeyReference": "MACKeyReference is not supported: the MAC key must be in the file",
    "xenc11:DerivedKey": "keys derived from a password (PBKDF2) are not supported",
    "ds:X509Data": "keys encrypted to a certificate are not supported",
    "ds:KeyValue": "keys encrypted to a public key are not supported",
    "xenc:EncryptedKey": "a transport key inside the file is not supported",
    "xenc:CipherReference": "a CipherReference is not followed",
    "KeyProfileId": "KeyProfileId is not supported: the profile must be in the file",
    "KeyReference": "KeyReference is not supported: the seed must be in the file",
    "EncryptedValue": "only the Secret may be encrypted",
    "ds:Signature": "signed files are not supported: the signature would go unchecked",
    "ChallengeFormat": "challenge-response is not supported",
    "PINPolicy": "a PIN policy is not supported: it would not be enforced",
    "NumberOfTransactions": "a use limit is not supported: it would not be enforced",
    "StartDate": "a validity period is not supported: it would not be enforced",
    "ExpiryDate": "a validity period is not supported: it would not be enforced",
    "DeviceBinding": "DeviceBinding is not supported: it would not be enforced",
    "UserId": "UserId is not supported: tokens are assigned by the bank",
    "Extensions": "extensions are not supported",
}


def top_level(stream: BinaryIO) -> Iterator[etree._Element]:
    """Yield the root as it opens, then each child of the root as it closes.

    A child is emptied when the next one is asked for.
    """
    depth = 0
    for event, element in _events(stream):
        if event == "pi":
            raise refusal(Fault.UNEXPECTED, element, "a processing instruction has no place here")
        if event == "start":
            depth += 1
            _check_depth(depth, element)
            if depth == _ROOT:
                yield _without_doctype(element)
            continue
        if depth == _CHILD_OF_ROOT:
            yield element
            _forget(element)
        depth -= 1


def name_of(element: etree._Element) -> str:
    """Return ``Key``, ``ds:KeyName`` or ``xenc:CipherData``, whatever the file's prefixes are.

    An element of any other namespace, or of none, has the name ``?``. That
    holds for a prefix that is bound to nothing, too: the parser lets it pass.
    """
    namespace, _, local = str(element.tag).rpartition("}")
    prefix = _PREFIXES.get(namespace.removeprefix("{"))
    return "?" if prefix is None else prefix + local


class Parts:
    """The child elements of one element, by name: each once, and no stranger."""

    def __init__(self, element: etree._Element, *known: str) -> None:
        """Refuse the file if ``element`` holds anything but ``known`` elements."""
        self._element = element
        self._found: dict[str, etree._Element] = {}
        _check_blank(element, element.text)
        for child in element:
            _check_blank(element, child.tail)
            kind: object = child.tag
            if kind is not etree.Comment:
                self._take(child, known)

    def get(self, name: str) -> etree._Element | None:
        """Return the child of that name, or None."""
        return self._found.get(name)

    def need(self, name: str) -> etree._Element:
        """Return the child of that name; refuse the file if there is none."""
        child = self._found.get(name)
        if child is None:
            detail = f"{name_of(self._element)} has no {name}"
            raise refusal(Fault.MISSING, self._element, detail)
        return child

    def _take(self, child: etree._Element, known: tuple[str, ...]) -> None:
        if not isinstance(child.tag, str):
            raise refusal(Fault.UNEXPECTED, child, "an entity has no place here")
        name = name_of(child)
        if name not in known:
            raise not_supported(child)
        if name in self._found:
            raise refusal(Fault.UNEXPECTED, child, f"a second {name}")
        self._found[name] = child


def attribute(element: etree._Element, name: str) -> str:
    """Return an attribute that must be there."""
    value = element.get(name)
    if value is None:
        raise refusal(Fault.MISSING, element, f"{name_of(element)} has no attribute {name}")
    return value


def text(element: etree._Element) -> str:
    """Return the text of an element that holds text alone.

    A comment within a value is refused: readers disagree on what the value is.
    """
    if len(element):
        raise refusal(Fault.UNEXPECTED, element, f"{name_of(element)} must hold text alone")
    value = element.text or ""
    if len(value) > LONGEST_TEXT:
        raise refusal(Fault.TOO_LARGE, element, f"{name_of(element)} is too long")
    return value


def octets(element: etree._Element) -> bytes:
    """Return the octets of a base64 value, in which white space is allowed."""
    packed = "".join(text(element).split())
    try:
        value = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if not value:
        raise refusal(Fault.BAD_VALUE, element, f"{name_of(element)} must be base64")
    return value


def integer(element: etree._Element, lowest: int, highest: int) -> int:
    """Return a whole number between two bounds, both included."""
    written = text(element).strip(_WHITESPACE)
    number = int(written) if _INTEGER.fullmatch(written) else None
    if number is None or not lowest <= number <= highest:
        detail = f"must be a whole number from {lowest} to {highest}"
        raise refusal(Fault.BAD_VALUE, element, detail)
    return number


def refusal(fault: Fault, element: etree._Element, detail: str) -> VendorFileRefused:
    """Return the refusal of the file for what stands at ``element``."""
    return VendorFileRefused(fault, detail, element.sourceline)


def not_supported(element: etree._Element) -> VendorFileRefused:
    """Return the refusal of the file for an element that has no place there."""
    detail = _WHY_NOT.get(name_of(element), "this element is not supported here")
    return refusal(Fault.UNSUPPORTED, element, detail)


def _events(stream: BinaryIO) -> Iterator[tuple[str, etree._Element]]:
    parser = etree.XMLPullParser(
        events=("start", "end", "pi"),
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        encoding="utf-8",
    )
    try:
        for chunk in _chunks(stream):
            parser.feed(chunk)
            yield from parser.read_events()
        _end(parser)
        yield from parser.read_events()
    except etree.XMLSyntaxError as error:
        # The parser's own message is not passed on: it can quote the file.
        detail = "this is not well-formed XML in UTF-8"
        raise VendorFileRefused(Fault.NOT_XML, detail, error.lineno) from None


def _end(parser: etree.XMLPullParser) -> None:
    try:
        parser.close()
    except etree.XMLSyntaxError as error:
        if error.code in _NOTHING_WAS_READ:
            raise
        detail = "the file ends before its XML does"
        raise VendorFileRefused(Fault.TRUNCATED, detail, error.lineno) from None


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    total = 0
    while chunk := stream.read(_CHUNK):
        # The parser is told to load no DTD, and does not: this keeps it from
        # so much as reading one.
        if not total and b"<!DOCTYPE" in chunk:
            raise VendorFileRefused(Fault.DOCTYPE, "a document type declaration is not allowed")
        total += len(chunk)
        if total > LARGEST_FILE:
            detail = f"more than {LARGEST_FILE} octets; split the file"
            raise VendorFileRefused(Fault.TOO_LARGE, detail)
        yield chunk


def _without_doctype(root: etree._Element) -> etree._Element:
    # A declaration behind a long comment is found here.
    if root.getroottree().docinfo.internalDTD is not None:
        raise VendorFileRefused(Fault.DOCTYPE, "a document type declaration is not allowed")
    return root


def _check_depth(depth: int, element: etree._Element) -> None:
    if depth > DEEPEST:
        raise refusal(Fault.TOO_DEEP, element, f"elements lie more than {DEEPEST} deep")


def _check_blank(element: etree._Element, between: str | None) -> None:
    if between and between.strip(_WHITESPACE):
        detail = f"{name_of(element)} must hold elements alone"
        raise refusal(Fault.UNEXPECTED, element, detail)


def _forget(element: etree._Element) -> None:
    element.clear()
    # The parser still writes behind the newest child; all before it can go.
    while (older := element.getprevious()) is not None:
        older.getparent().remove(older)  # type: ignore[union-attr]  # a sibling has a parent
