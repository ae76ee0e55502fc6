# SPDX-License-Identifier: Apache-2.0
"""Tokens that cannot be rewrapped are left out and named, or all of them are."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

import pytest
from lxml import etree

from support.vendors.pskc_files import NAMES
from support.vendors.rewrapping import (
    AES128,
    SEEDS,
    Place,
    delivered,
    independently_opened,
    nothing_was_written,
)

if TYPE_CHECKING:
    from pathlib import Path


def damaged(source: Path, serial: str) -> Path:
    """Change one octet of a token's ciphertext."""
    document = etree.parse(source)
    for package in document.getroot().iterfind("pskc:KeyPackage", NAMES):
        if package.findtext("pskc:DeviceInfo/pskc:SerialNo", "", NAMES) == serial:
            value = package.find(".//pskc:EncryptedValue/xenc:CipherData/xenc:CipherValue", NAMES)
            assert value is not None
            text = str(value.text).strip()
            value.text = ("B" if text[0] == "A" else "A") + text[1:]
    document.write(source)
    return source


def test_a_token_that_fails_its_check_is_left_out_and_named(at: Place) -> None:
    source = damaged(delivered(at.directory / "in.xml", "aes128-cbc", AES128), "KAGI00000002")
    done = at.rewrap(source, "--key-file", at.key_file(AES128))
    assert done.returncode == 3
    assert re.search(r"^rewrap: KAGI00000002, line \d+: MAC_MISMATCH: ", done.stdout, re.MULTILINE)
    assert "rewrap: 2 tokens rewrapped\n" in done.stdout
    wanted = {serial: seed for serial, seed in SEEDS.items() if serial != "KAGI00000002"}
    assert independently_opened(at.target, at.private) == wanted


@pytest.mark.parametrize("options", [(), ("--all-or-nothing",)])
def test_the_report_has_a_line_for_each_token(at: Place, options: tuple[str, ...]) -> None:
    source = damaged(delivered(at.directory / "in.xml", "aes128-cbc", AES128), "KAGI00000002")
    report = at.directory / "report.csv"
    at.rewrap(source, "--key-file", at.key_file(AES128), "--report", report, *options)
    with report.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["serial"], row["result"], row["reason"]) for row in rows] == [
        ("KAGI00000001", "REWRAPPED", ""),
        ("KAGI00000002", "REFUSED", "MAC_MISMATCH"),
        ("KAGI00000003", "REWRAPPED", ""),
    ]
    assert all(int(row["line"]) > 0 for row in rows)
    again = at.rewrap(source, "--key-file", at.key_file(AES128), "--report", report)
    assert "CANNOT_WRITE: File exists" in again.stderr


def test_with_all_or_nothing_it_is_nothing(at: Place) -> None:
    source = damaged(delivered(at.directory / "in.xml", "aes128-cbc", AES128), "KAGI00000002")
    done = at.rewrap(source, "--key-file", at.key_file(AES128), "--all-or-nothing")
    nothing_was_written(at, done, "a token was refused")
    assert "KAGI00000002" in done.stdout
