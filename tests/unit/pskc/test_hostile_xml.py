# SPDX-License-Identifier: Apache-2.0
"""Files that attack the reader, or are no XML at all."""

from __future__ import annotations

import os
import tracemalloc
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kagimori.adapters.pskc import xml
from kagimori.adapters.pskc.file import read_file
from kagimori.adapters.pskc.reader import read
from kagimori.application.inventory.vendor_file import Fault, VendorFileRefused
from support.pskc_files import FIGURE_6, VENDOR, fault_of, parsed

FIGURE = FIGURE_6.read_bytes()
ROOT_AT = FIGURE.index(b"<KeyContainer")

BILLION_LAUGHS = b"<!DOCTYPE l [<!ENTITY l0 'lol'>" + b"".join(
    b"<!ENTITY l%d '%s'>" % (level, b"&l%d;" % (level - 1) * 10) for level in range(1, 10)
)


def after_prolog(doctype: bytes, *, encoding: str = "utf-8") -> bytes:
    """Return the document with something in front of its root."""
    return (doctype + FIGURE[ROOT_AT:]).decode().encode(encoding)


@pytest.mark.parametrize(
    "document",
    [
        after_prolog(b"<!DOCTYPE KeyContainer>"),
        after_prolog(b"<!DOCTYPE KeyContainer SYSTEM 'http://127.0.0.1:1/x.dtd'>"),
        after_prolog(b"<!DOCTYPE k [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>").replace(
            b"987654321", b"&x;"
        ),
        after_prolog(b"<!DOCTYPE k [<!ENTITY % x SYSTEM 'file:///etc/hostname'> %x;]>"),
        after_prolog(BILLION_LAUGHS + b"]>").replace(b"Manufacturer<", b"&l9;<"),
        after_prolog(BILLION_LAUGHS + b"]>").replace(b'"1.0"', b'"&l9;"'),
        after_prolog(b"<!DOCTYPE k [<!ATTLIST Key Algorithm CDATA 'x'>]>"),
        after_prolog(b"\n<!-- -->\n<!DOCTYPE k>"),
        after_prolog(b"<!--" + b" " * 200_000 + b"--><!DOCTYPE k>"),
    ],
)
def test_a_document_type_is_refused_whatever_it_says(document: bytes) -> None:
    assert fault_of(document) is Fault.DOCTYPE


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-7"])
def test_no_encoding_smuggles_a_document_type_in(encoding: str) -> None:
    document = after_prolog(b"<!DOCTYPE k>", encoding=encoding)
    assert fault_of(document) in {Fault.NOT_XML, Fault.DOCTYPE}


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (b"", Fault.NOT_XML),
        (b"serial,seed\n987654321,00\n", Fault.NOT_XML),
        (b"\x00\x01\x02\x03" * 50, Fault.NOT_XML),
        (b"<KeyContainer", Fault.TRUNCATED),
        (FIGURE + b"<KeyContainer/>", Fault.NOT_XML),
        (FIGURE + b"junk", Fault.NOT_XML),
        (FIGURE.replace(b"987654321", b"&serial;"), Fault.NOT_XML),
        (FIGURE.replace(b"Manufacturer<", b"\xff<"), Fault.NOT_XML),
        (FIGURE.replace(b"Manufacturer<", b"\x00<"), Fault.NOT_XML),
        (b"<html><body/></html>", Fault.NOT_PSKC),
        (FIGURE.replace(b"xmlns:ds=", b"xmlns:sd="), Fault.UNSUPPORTED),
        (FIGURE.replace(b"xmlns:xenc=", b"xmlns:cnex="), Fault.UNSUPPORTED),
        (FIGURE.replace(b"<Key ", b"<?php x?><Key "), Fault.UNEXPECTED),
        (after_prolog(b"<?xml-stylesheet href='x'?>"), Fault.UNEXPECTED),
        (FIGURE.replace(b"<Issuer>", b"<Issuer>" + b"<a>" * 20 + b"</a>" * 20), Fault.TOO_DEEP),
        (FIGURE.replace(b"<Issuer>", b"<a>" * 100_000 + b"<Issuer>"), Fault.NOT_XML),
        (FIGURE.replace(b"AAECAwQFBgc", b"A" * 20_000), Fault.TOO_LARGE),
        (FIGURE.replace(b"AAECAwQFBgc", b"A" * 11_000_000), Fault.NOT_XML),
        (
            FIGURE.replace(
                b"<Data>",
                b"<Data><x:include xmlns:x='http://www.w3.org/2001/XInclude'"
                b" href='file:///etc/hostname' parse='text'/>",
            ),
            Fault.UNSUPPORTED,
        ),
    ],
)
def test_what_is_no_such_document_is_refused(document: bytes, fault: Fault) -> None:
    assert fault_of(document) is fault


def test_a_file_cut_off_anywhere_is_refused() -> None:
    end = len(FIGURE.rstrip())
    for length in range(ROOT_AT + 20, end):
        with pytest.raises(VendorFileRefused):
            parsed(FIGURE[:length])
    assert fault_of(FIGURE[: end - 20]) is Fault.TRUNCATED
    assert parsed(FIGURE[:end])


@given(st.binary(max_size=200) | st.text("<>&!?/[]-'\"aK:= ").map(str.encode))
def test_noise_is_refused_and_nothing_else_happens(noise: bytes) -> None:
    with pytest.raises(VendorFileRefused):
        parsed(noise)


@given(at=st.integers(0, len(FIGURE) - 1), octet=st.integers(0, 255))
def test_a_changed_octet_is_read_or_refused(at: int, octet: int) -> None:
    document = FIGURE[:at] + bytes([octet]) + FIGURE[at + 1 :]
    try:
        file = parsed(document)
    except VendorFileRefused:
        return
    assert len(file.tokens) == 1


def test_a_file_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "LARGEST_FILE", len(FIGURE) - 1)
    assert fault_of(FIGURE) is Fault.TOO_LARGE


def test_elements_are_freed_as_they_are_read() -> None:
    package = FIGURE[FIGURE.index(b"  <KeyPackage>") : FIGURE.index(b"</KeyContainer>")]
    many = FIGURE.replace(package, package * 2000)
    sizes = []
    for element in xml.top_level(BytesIO(many)):
        parent = element.getparent()
        sizes.append(0 if parent is None else len(parent))
    # What a chunk of the file holds may be parsed ahead; the rest is gone.
    assert len(sizes) > 2000
    assert max(sizes) < 100


def test_the_billion_laughs_cost_nothing() -> None:
    document = after_prolog(BILLION_LAUGHS + b"]>").replace(b"Manufacturer<", b"&l9;<")
    tracemalloc.start()
    try:
        with pytest.raises(VendorFileRefused):
            parsed(document)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    link = tmp_path / "delivered.xml"
    link.symlink_to(FIGURE_6)
    _refused_as_no_file(link)
    assert read_file(FIGURE_6, VENDOR)


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path(os.devnull), tmp_path / "nothing"):
        _refused_as_no_file(path)


def _refused_as_no_file(path: Path) -> None:
    with pytest.raises(VendorFileRefused) as refused:
        read_file(path, VENDOR)
    assert refused.value.fault is Fault.NOT_A_REGULAR_FILE


def test_the_stream_is_read_to_its_end_before_anything_is_returned() -> None:
    stream = BytesIO(FIGURE)
    read(stream, VENDOR)
    assert stream.read() == b""
