# SPDX-License-Identifier: Apache-2.0
"""Damaged files: the reader refuses them in its own words, and does nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kagimori.adapters.pskc.file import ReadOptions
from kagimori.application.deliveries.vendor_file import TokenFault, VendorFileRefused
from support.vendors.pskc_files import FIGURE_6, VECTORS, VENDOR, parsed
from support.vendors.pskc_signers import Signer

SIGNER = Signer.make("Acme")
CANARY = b"AAECAwQFBgcICQoLDA0OD"
"""The beginning of Figure 6's seed, as it stands in the file."""

DOCUMENTS = [path.read_bytes() for path in sorted(VECTORS.glob("*.xml"))]
DOCUMENTS.append(SIGNER.sign(FIGURE_6.read_bytes()))
PIECES = [
    b"<!DOCTYPE k [<!ENTITY x 'y'>]>",
    b"<!ENTITY x SYSTEM 'file:///etc/passwd'>",
    b"&x;",
    b"&#0;",
    b"<?xml version='1.1'?>",
    b"<?php x?>",
    b"<!-- -->",
    b"<![CDATA[",
    b"]]>",
    b"<a>" * 40,
    b"<KeyPackage>",
    b"</KeyPackage>",
    b"</KeyContainer>",
    b"<PlainValue>QUFBQUFBQUFBQUFBQUFBQQ==</PlainValue>",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\0",
    b" " * 5000,
    b"9" * 5000,
]


@contextmanager
def little_memory() -> Iterator[None]:
    """Fail if the block takes much memory for a while, whatever the process had before."""
    # From here on the high-water mark is counted anew: proc(5), clear_refs.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = peak()
    yield
    assert peak() < before + MOST_GROWTH


def peak() -> int:
    """Return the high-water mark of this process's memory, in KiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])


MOST_GROWTH = 32 * 1024
"""KiB, for one document of some kilobytes."""

documents = st.sampled_from(DOCUMENTS)
pieces = st.sampled_from(PIECES) | st.binary(max_size=20)
options = st.sampled_from(
    [
        ReadOptions(VENDOR),
        ReadOptions(VENDOR, password="qwerty"),
        ReadOptions(VENDOR, signer=SIGNER.pem),
        ReadOptions(VENDOR, csv=True),
    ]
)


def attempt(document: bytes, chosen: ReadOptions) -> list[VendorFileRefused | TokenFault]:
    """Read a document; return what is said against it."""
    with little_memory():
        try:
            return list(parsed(document, chosen).faults)
        except VendorFileRefused as refused:
            return [refused]


def check_quotes_nothing(document: bytes, said: list[VendorFileRefused | TokenFault]) -> None:
    for fault in said:
        words = f"{fault} {fault!r} {fault.detail}".encode()
        assert CANARY[:12] not in words
        assert b"12345678901234567890" not in words
        # A serial that was read is said; nothing else of the file is.
        assert fault.serial is None or fault.serial.encode() in document or not fault.serial


@given(
    document=documents, chosen=options, cuts=st.lists(st.integers(0, 5000), max_size=4), put=pieces
)
def test_pieces_put_in_anywhere(
    document: bytes, chosen: ReadOptions, cuts: list[int], put: bytes
) -> None:
    for cut in cuts:
        at = cut % len(document)
        document = document[:at] + put + document[at:]
    check_quotes_nothing(document, attempt(document, chosen))


@given(document=documents, chosen=options, data=st.data())
def test_octets_changed_taken_out_and_doubled(
    document: bytes, chosen: ReadOptions, data: st.DataObject
) -> None:
    changed = bytearray(document)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        length = data.draw(st.integers(0, 60))
        part = bytes(changed[at : at + length])
        changed[at : at + length] = data.draw(
            st.sampled_from([b"", part * 2, part[::-1]]) | st.binary(max_size=4)
        )
        if not changed:
            break
    check_quotes_nothing(document, attempt(bytes(changed), chosen))


@given(
    first=documents,
    second=documents,
    chosen=options,
    at=st.integers(0, 5000),
    to=st.integers(0, 5000),
)
def test_one_document_spliced_into_another(
    first: bytes, second: bytes, chosen: ReadOptions, at: int, to: int
) -> None:
    spliced = first[: at % len(first)] + second[to % len(second) :]
    check_quotes_nothing(first + second, attempt(spliced, chosen))


@given(chosen=options, noise=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_noise(chosen: ReadOptions, noise: bytes) -> None:
    check_quotes_nothing(noise, attempt(noise, chosen))
