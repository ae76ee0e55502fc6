# SPDX-License-Identifier: Apache-2.0
"""Files that attack the reader, or are no XML at all."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kagimori.adapters.pskc import xml
from kagimori.adapters.pskc.file import open_file
from kagimori.application.deliveries.vendor_file import Fault, VendorFileRefused, VendorToken
from support.vendors.pskc_files import (
    FIGURE_6,
    UNSIGNED,
    file_fault,
    parsed,
    read_path,
    token_fault,
)

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
    assert file_fault(document) is Fault.DOCTYPE


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-7"])
def test_no_encoding_smuggles_a_document_type_in(encoding: str) -> None:
    document = after_prolog(b"<!DOCTYPE k>", encoding=encoding)
    assert file_fault(document) in {Fault.NOT_XML, Fault.DOCTYPE}


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
        (FIGURE.replace(b"</KeyContainer>", b"<?php x?></KeyContainer>"), Fault.UNEXPECTED),
        (FIGURE + b"<?php x?>", Fault.UNEXPECTED),
        (FIGURE.replace(b"<Key ", b"<?php x?><Key "), Fault.UNEXPECTED),
        (after_prolog(b"<?xml-stylesheet href='x'?>"), Fault.UNEXPECTED),
        (FIGURE.replace(b"<Issuer>", b"<Issuer>" + b"<a>" * 20 + b"</a>" * 20), Fault.TOO_DEEP),
        (FIGURE.replace(b"<Issuer>", b"<a>" * 100_000 + b"<Issuer>"), Fault.NOT_XML),
        (FIGURE.replace(b"AAECAwQFBgc", b"A" * 11_000_000), Fault.TOO_LARGE),
        (FIGURE.replace(b"<Key ", b"<Key x='" + b"A" * 11_000_000 + b"' "), Fault.TOO_LARGE),
        (FIGURE.replace(b"<Key ", b"<Key/>" * 400_000 + b"<Key "), Fault.TOO_LARGE),
        (FIGURE + b"<!-- -->" * 400_000, Fault.TOO_LARGE),
    ],
)
def test_what_is_no_such_document_is_refused(document: bytes, fault: Fault) -> None:
    assert file_fault(document) is fault


def test_the_bounds_hold_behind_the_first_package_too() -> None:
    good = FIGURE[FIGURE.index(b"  <KeyPackage>") : FIGURE.index(b"</KeyContainer>")]
    for bad, fault in (
        (good.replace(b"<Issuer>", b"<Issuer>" + b"<a>" * 20 + b"</a>" * 20), Fault.TOO_DEEP),
        (good.replace(b"<Key ", b"<Key/>" * 400_000 + b"<Key "), Fault.TOO_LARGE),
        (good.replace(b"<Key ", b"<KeyPackage/>" * 400_000 + b"<Key "), Fault.TOO_LARGE),
        (good.replace(b"<Key ", b"<?php x?><Key "), Fault.UNEXPECTED),
        (good.replace(b"987654321", b"&serial;"), Fault.NOT_XML),
        (good + b" " * 100_000 + b"<!DOCTYPE k>", Fault.NOT_XML),
    ):
        assert file_fault(FIGURE.replace(good, good + bad)) is fault


def test_a_value_that_is_too_long_or_includes_another_file_is_this_tokens_fault() -> None:
    assert token_fault(FIGURE.replace(b"AAECAwQFBgc", b"A" * 20_000)) is Fault.TOO_LARGE
    include = (
        b"<Data><x:include xmlns:x='http://www.w3.org/2001/XInclude'"
        b" href='file:///etc/hostname' parse='text'/>"
    )
    assert token_fault(FIGURE.replace(b"<Data>", include)) is Fault.UNSUPPORTED


def test_a_file_cut_off_anywhere_is_refused() -> None:
    end = len(FIGURE.rstrip())
    for length in range(ROOT_AT + 20, end):
        with pytest.raises(VendorFileRefused):
            parsed(FIGURE[:length])
    assert file_fault(FIGURE[: end - 20]) is Fault.TRUNCATED
    assert parsed(FIGURE[:end])


@given(st.binary(max_size=200) | st.text("<>&!?/[]-'\"aK:= ").map(str.encode))
def test_noise_is_refused_and_nothing_else_happens(noise: bytes) -> None:
    with pytest.raises(VendorFileRefused):
        parsed(noise)


@given(at=st.integers(0, len(FIGURE) - 1), octet=st.integers(0, 255))
def test_a_changed_octet_is_read_or_refused(at: int, octet: int) -> None:
    document = FIGURE[:at] + bytes([octet]) + FIGURE[at + 1 :]
    try:
        read = parsed(document)
    except VendorFileRefused:
        return
    assert len(read.tokens) + len(read.faults) == 1


def test_what_came_before_a_break_stands(tmp_path: Path) -> None:
    half = tmp_path / "half.xml"
    package = FIGURE[FIGURE.index(b"  <KeyPackage>") : FIGURE.index(b"</KeyContainer>")]
    half.write_bytes(FIGURE.replace(package, package * 200)[: -len(package)])
    with open_file(half, UNSIGNED) as file:
        tokens, read = file.tokens(), 0
        with pytest.raises(VendorFileRefused) as refused:  # noqa: PT012 - it ends the loop
            for token in tokens:
                assert isinstance(token, VendorToken)
                read += 1
    assert refused.value.fault is Fault.TRUNCATED
    assert read == 199
    assert refused.value.line


def test_it_can_be_read_again_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "file.xml"
    path.write_bytes(FIGURE)
    with open_file(path, UNSIGNED) as file:
        first = list(file.tokens())
        assert file.position == file.size == len(FIGURE)
        assert list(file.tokens()) == first
        assert file.digest == hashlib.sha256(FIGURE).digest()


def test_a_file_that_is_changed_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.xml"
    path.write_bytes(FIGURE)
    with open_file(path, UNSIGNED) as file:
        path.write_bytes(FIGURE.replace(b"987654321", b"987654322"))
        with pytest.raises(VendorFileRefused, match="changed") as refused:
            list(file.tokens())
    assert refused.value.fault is Fault.UNEXPECTED


def test_elements_are_freed_as_they_are_read() -> None:
    package = FIGURE[FIGURE.index(b"  <KeyPackage>") : FIGURE.index(b"</KeyContainer>")]
    many = FIGURE.replace(package, package * 2000)
    sizes = []
    for element in xml.packages(many[at : at + 32768] for at in range(0, len(many), 32768)):
        parent = element.getparent()
        assert parent is not None
        sizes.append(len(parent))
    # What a chunk of the file holds may be parsed ahead; the rest is gone.
    assert len(sizes) == 2000
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
    assert read_path(FIGURE_6).tokens


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path(os.devnull), tmp_path / "nothing"):
        _refused_as_no_file(path)


def _refused_as_no_file(path: Path) -> None:
    with pytest.raises(VendorFileRefused) as refused:
        read_path(path)
    assert refused.value.fault is Fault.NOT_A_REGULAR_FILE
