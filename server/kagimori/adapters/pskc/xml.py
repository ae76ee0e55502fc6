# SPDX-License-Identifier: Apache-2.0
"""XML from strangers, read without trusting it.

No DTD, no entity, no processing instruction, nothing fetched, nothing deep and
nothing huge. Elements are freed as they are read, so that memory does not grow
with the file.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Any, Final, Literal

from lxml import etree

from kagimori.application.deliveries.vendor_file import Fault, VendorFileRefused

LARGEST_PART: Final = 1024 * 1024
"""Octets: the head, or what lies between the ends of two packages."""
DEEPEST: Final = 16
"""Levels of elements; the deepest value of RFC 6030 lies on the eighth."""
WHITESPACE: Final = " \t\r\n"

PSKC: Final = "urn:ietf:params:xml:ns:keyprov:pskc"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XENC: Final = "http://www.w3.org/2001/04/xmlenc#"
XENC11: Final = "http://www.w3.org/2009/xmlenc11#"
PKCS5: Final = "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#"

CONTAINER: Final = f"{{{PSKC}}}KeyContainer"
PACKAGE: Final = f"{{{PSKC}}}KeyPackage"
SIGNATURE: Final = f"{{{DS}}}Signature"

_EXACT_LINES: Final = 65_535
_Event = Literal["start", "end", "pi"]

_NO_DOCTYPE: Final = "a document type declaration is not allowed"
_NO_INSTRUCTION: Final = "a processing instruction has no place here"
_NOTHING_WAS_READ: Final = {
    etree.ErrorTypes.ERR_INTERNAL_ERROR,
    etree.ErrorTypes.ERR_DOCUMENT_EMPTY,
}

_PREFIXES: Final = {PSKC: "", DS: "ds:", XENC: "xenc:", XENC11: "xenc11:", PKCS5: "pkcs5:"}

_WHY_NOT: Final = {
    "MACKeyReference": "MACKeyReference is not supported: the MAC key must be in the file",
    "ds:Signature": "a signature that was overlooked at first is not trusted later",
    "ds:KeyValue": "keys encrypted to a bare public key are not supported",
    "xenc:CipherReference": "a CipherReference is not followed",
    "KeyProfileId": "KeyProfileId is not supported: the profile must be in the file",
    "KeyReference": "KeyReference is not supported: the seed must be in the file",
    "EncryptedValue": "only the Secret may be encrypted",
    "ChallengeFormat": "challenge-response is not supported",
    "NumberOfTransactions": "NumberOfTransactions is not supported: it would not be enforced",
    "DeviceBinding": "DeviceBinding is not supported: it would not be enforced",
    "UserId": "UserId is not supported: tokens are assigned by the bank",
    "Extensions": "extensions are not supported",
}


_STRICT: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "no_network": True,
    "huge_tree": False,
    "recover": False,
    "collect_ids": False,
    "encoding": "utf-8",
}


def strict_parser() -> etree.XMLParser[etree._Element]:
    """Return a parser for a whole document, with the bounds that the stream's has."""
    parser: etree.XMLParser[etree._Element] = etree.XMLParser(**_STRICT)
    return parser


class Metered:
    """A file's chunks, as long as they bring something to its end now and then.

    Without this bound a single element could be as large as the file.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        """Count from the first chunk on."""
        self._chunks = chunks
        self._part = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks, or refuse the file."""
        for chunk in self._chunks:
            if self._part > LARGEST_PART:
                detail = f"more than {LARGEST_PART} octets without the end of a KeyPackage"
                raise VendorFileRefused(Fault.TOO_LARGE, detail)
            self._part += len(chunk)
            yield chunk

    def begin_anew(self) -> None:
        """Count from here on."""
        self._part = 0


def top_level(chunks: Iterable[bytes]) -> Iterator[etree._Element]:
    """Yield the root as it opens, then each child of the root as it closes.

    Every element is looked at, so this is for the head of a file, not for all of it.
    """
    depth = 0
    for event, element in _events(Metered(chunks), ("start", "end", "pi"), None):
        if event == "start":
            depth += 1
            if depth > DEEPEST:
                raise too_deep(element)
            if depth == 1:
                yield _without_doctype(element)
            continue
        depth -= 1
        if depth == 1:
            yield element


def packages(chunks: Iterable[bytes]) -> Iterator[etree._Element]:
    """Yield each ``KeyPackage`` of the root as it closes.

    It is freed when the next one has come. Anything else that follows the first
    package refuses the file.
    """
    metered = Metered(chunks)
    root: etree._Element | None = None
    for _, element in _events(metered, ("end", "pi"), PACKAGE):
        parent = element.getparent()
        if root is None and parent is not None and parent.getparent() is None:
            root = _without_doctype(parent)
            # What is in front of the first package is the head.
            del root[: root.index(element)]
        if root is None or parent is not root:
            continue
        metered.begin_anew()
        _forget_older(root, element)
        yield element
    for child in () if root is None else root:
        _check_package(child)


def children(element: etree._Element, known: Container[str]) -> dict[str, etree._Element]:
    """Return the child elements by their tags: each once, no stranger, no text between."""
    found: dict[str, etree._Element] = {}
    between = element.text
    if between and not between.isspace():
        raise _text_between(element)
    for child in element:
        tag = child.tag
        if tag in known and tag not in found:
            found[tag] = child  # type: ignore[index]  # what is known is text
        else:
            _check_comment(child, found)
        between = child.tail
        if between and not between.isspace():
            raise _text_between(element)
    return found


def check_no_text(element: etree._Element) -> None:
    """Refuse text between the child elements that are there so far."""
    if any(between and between.strip(WHITESPACE) for between in _between(element)):
        raise _text_between(element)


def need(found: dict[str, etree._Element], tag: str, element: etree._Element) -> etree._Element:
    """Return the child of that tag; refuse ``element`` if it has none."""
    child = found.get(tag)
    if child is None:
        raise refusal(Fault.MISSING, element, f"{name_of(element)} has no {written(tag)}")
    return child


def attribute(element: etree._Element, name: str) -> str:
    """Return an attribute that must be there."""
    value = element.get(name)
    if value is None:
        raise refusal(Fault.MISSING, element, f"{name_of(element)} has no attribute {name}")
    return value


def name_of(element: etree._Element) -> str:
    """Return ``Key``, ``ds:KeyName`` or ``xenc:CipherData``, whatever the file's prefixes are.

    An element of any other namespace, or of none, has the name ``?``. That
    holds for a prefix that is bound to nothing, too: the parser lets it pass.
    """
    return written(str(element.tag))


def written(tag: str) -> str:
    """Return what `name_of` returns, for a tag."""
    namespace, _, local = tag.rpartition("}")
    prefix = _PREFIXES.get(namespace.removeprefix("{"))
    return "?" if prefix is None else prefix + local


def refusal(fault: Fault, element: etree._Element, detail: str) -> VendorFileRefused:
    """Return the refusal for what stands at ``element``."""
    return VendorFileRefused(fault, detail, line_of(element))


def line_of(element: etree._Element) -> int:
    """Return the line that an element begins on; 0 where it is not known."""
    line = element.sourceline or 0
    # Beyond 16 bits the parser tells the line on which the element's first text ends.
    return line if line <= _EXACT_LINES else line - (element.text or "").count("\n")


def not_supported(element: etree._Element) -> VendorFileRefused:
    """Return the refusal for an element that has no place there."""
    detail = _WHY_NOT.get(name_of(element), "this element is not supported here")
    return refusal(Fault.UNSUPPORTED, element, detail)


def too_deep(element: etree._Element) -> VendorFileRefused:
    """Return the refusal of the file for an element that lies too deep."""
    return refusal(Fault.TOO_DEEP, element, f"elements lie more than {DEEPEST} deep")


def check_depth(package: etree._Element) -> None:
    """Refuse the file if anything within a package of the root lies too deep."""
    depth = 1
    for event, element in etree.iterwalk(package, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > DEEPEST:
            raise too_deep(element)


def _events(
    chunks: Iterable[bytes], events: tuple[_Event, ...], tag: str | None
) -> Iterator[tuple[str, etree._Element]]:
    parser = etree.XMLPullParser(events=events, tag=tag, **_STRICT)
    try:
        for number, chunk in enumerate(chunks):
            # The parser is told to load no DTD, and does not: this keeps it from
            # so much as reading one.
            if not number and b"<!DOCTYPE" in chunk:
                raise VendorFileRefused(Fault.DOCTYPE, _NO_DOCTYPE)
            parser.feed(chunk)
            yield from _no_instructions(parser)
        _end(parser)
        yield from _no_instructions(parser)
    except etree.XMLSyntaxError as error:
        # The parser's own message is not passed on: it can quote the file.
        detail = "this is not well-formed XML in UTF-8"
        raise VendorFileRefused(Fault.NOT_XML, detail, error.lineno) from None


def _no_instructions(parser: etree.XMLPullParser) -> Iterator[tuple[str, etree._Element]]:
    for event, element in parser.read_events():
        if event == "pi":
            raise refusal(Fault.UNEXPECTED, element, _NO_INSTRUCTION)
        yield event, element


def _end(parser: etree.XMLPullParser) -> None:
    try:
        parser.close()
    except etree.XMLSyntaxError as error:
        if error.code in _NOTHING_WAS_READ:
            raise
        detail = "the file ends before its XML does"
        raise VendorFileRefused(Fault.TRUNCATED, detail, error.lineno) from None


def _without_doctype(root: etree._Element) -> etree._Element:
    # A declaration behind a long comment is found here.
    if root.getroottree().docinfo.internalDTD is not None:
        raise VendorFileRefused(Fault.DOCTYPE, _NO_DOCTYPE)
    return root


def _forget_older(root: etree._Element, newest: etree._Element) -> None:
    # The parser still writes behind the newest child; all before it can go.
    while (oldest := root[0]) is not newest:
        _check_package(oldest)
        del root[0]


def _check_package(child: etree._Element) -> None:
    if child.tag != PACKAGE:
        _check_comment(child, {})
    between = child.tail
    if between and between.strip(WHITESPACE):
        raise refusal(Fault.UNEXPECTED, child, "KeyContainer must hold elements alone")


def _check_comment(child: etree._Element, found: dict[str, etree._Element]) -> None:
    """Refuse what is not the one thing that may stand between elements."""
    kind: object = child.tag
    if kind is etree.Comment:
        return
    if not isinstance(kind, str):
        raise refusal(Fault.UNEXPECTED, child, "an entity has no place here")
    if kind in found:
        raise refusal(Fault.UNEXPECTED, child, f"a second {name_of(child)}")
    raise not_supported(child)


def _between(element: etree._Element) -> Iterator[str | None]:
    yield element.text
    for child in element:
        yield child.tail


def _text_between(element: etree._Element) -> VendorFileRefused:
    detail = f"{name_of(element)} must hold elements alone"
    return refusal(Fault.UNEXPECTED, element, detail)
