# SPDX-License-Identifier: Apache-2.0
"""The text of a QR code: whole, from a file, a pipe or lines that were pasted."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from kagimori_client.token import NotATransaction, TransactionToSign
from kagimori_client.token.cli import scanned
from support.pages.transfers import TEXT, text_of, transfer

NO_REFERENCE = text_of(transfer(reference=""))
BATCH = text_of(transfer(reference=""), transfer(), transfer(reference=""), transfer(reference=""))
TEXTS = pytest.mark.parametrize(
    "text", [TEXT, NO_REFERENCE, BATCH], ids=["one", "no reference", "batch"]
)


def lines_of(text: str, *more: str) -> Iterator[str]:
    return iter([*text.split("\n"), *more])


@TEXTS
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_what_programs_put_behind_it_is_not_of_it(text: str, end: str) -> None:
    assert scanned.restored(text + end) == text


@TEXTS
def test_a_reader_that_trims_takes_nothing_from_it(text: str) -> None:
    assert text.strip() == text


def test_nothing_else_is_mended() -> None:
    for wrong in (f" {TEXT}", f"{TEXT} ", TEXT.replace("\n", "\r\n"), f"\n{TEXT}", f"{TEXT}\nA"):
        with pytest.raises(NotATransaction):
            TransactionToSign(scanned.restored(wrong))


@TEXTS
def test_as_many_lines_are_read_as_the_text_says_that_it_has(text: str) -> None:
    pasted = lines_of(text, "rm -rf /", "y")
    assert scanned.from_lines(pasted.__next__) == text
    assert list(pasted) == ["rm -rf /", "y"]


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (["https://bank.example/", "y"], ["y"]),
        (["", "y"], ["y"]),
        (["KAGIMORI-T2", "y"], ["y"]),
        (["KAGIMORI-T1", "x", "JPY 0 0", "y"], ["y"]),
        (["KAGIMORI-T1", "x", "JPY 1000 1", "y"], ["y"]),
        (["KAGIMORI-T1", "x", "JPY １ 1", "y"], ["y"]),  # noqa: RUF001 - full-width
        (["KAGIMORI-T1", "x", "JPY -1 1", "y"], ["y"]),
    ],
)
def test_where_it_cannot_be_a_transaction_no_more_is_read(
    lines: list[str], left: list[str]
) -> None:
    pasted = iter(lines)
    with pytest.raises(NotATransaction):
        TransactionToSign(scanned.from_lines(pasted.__next__))
    assert list(pasted) == left


def test_the_end_of_what_is_typed_is_the_end() -> None:
    typed = io.StringIO("\n".join(TEXT.split("\n")[:4]))

    def next_line() -> str:
        line = typed.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")

    with pytest.raises(NotATransaction):
        TransactionToSign(scanned.from_lines(next_line))


@TEXTS
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CR LF"])
def test_a_file_is_read_whichever_system_wrote_it(text: str, newline: str, tmp_path: Path) -> None:
    path = tmp_path / "qr.txt"
    path.write_bytes((text + "\n").replace("\n", newline).encode())
    assert scanned.from_file(path) == text


def test_a_file_of_something_else_is_no_transaction(tmp_path: Path) -> None:
    path = tmp_path / "qr.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100)
    with pytest.raises(NotATransaction):
        scanned.from_file(path)
    path.write_text("A" * 1_000_000)
    with pytest.raises(NotATransaction):
        TransactionToSign(scanned.from_file(path))


def test_standard_input_of_something_else_is_no_transaction() -> None:
    with pytest.raises(NotATransaction):
        scanned.from_rest(io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), "utf-8").read)
    assert scanned.from_rest(io.StringIO(TEXT + "\n").read) == TEXT
