# SPDX-License-Identifier: Apache-2.0
"""OATH CSV files: what a line says, and what is wrong with it."""

from __future__ import annotations

import pytest

from kagimori.adapters.pskc.file import ReadOptions
from kagimori.application.deliveries.vendor_file import EncryptedSeed, Fault, InClear, TokenFault
from kagimori.domain.token import NEVER, Hash, MovingFactor, Profile
from support.vendors.pskc_files import FIGURE_6, RFC_SEED, VENDOR, Read, file_fault, parsed

SEED = RFC_SEED.hex()
CSV = ReadOptions(VENDOR, csv=True)


def read(text: str | bytes) -> Read:
    return parsed(text if isinstance(text, bytes) else text.encode(), CSV)


def one_fault(text: str | bytes) -> TokenFault:
    done = read(text)
    assert not done.tokens
    [fault] = done.faults
    return fault


@pytest.mark.parametrize(
    ("rest", "profile", "last_step"),
    [
        ("TOTP", Profile(MovingFactor.TIME, Hash.SHA1, 6, 30), NEVER),
        ("totp,8", Profile(MovingFactor.TIME, Hash.SHA1, 8, 30), NEVER),
        ("Totp, 10, 60", Profile(MovingFactor.TIME, Hash.SHA1, 10, 60), NEVER),
        ("TOTP,,120", Profile(MovingFactor.TIME, Hash.SHA1, 6, 120), NEVER),
        ("HOTP", Profile(MovingFactor.EVENT, Hash.SHA1, 6, 0), NEVER),
        ("hotp,7,42", Profile(MovingFactor.EVENT, Hash.SHA1, 7, 0), 41),
    ],
)
def test_a_line_is_a_token(rest: str, profile: Profile, last_step: int) -> None:
    done = read(f"A1,{SEED},{rest}\n")
    assert done.head.encryption == InClear()
    [token] = done.tokens
    assert (token.serial, token.profile, token.last_step) == ("A1", profile, last_step)
    assert token.seed == EncryptedSeed("clear", RFC_SEED)
    assert token.line == 1


@pytest.mark.parametrize(
    ("octets", "hash_"),
    [(16, Hash.SHA1), (20, Hash.SHA1), (32, Hash.SHA256), (33, Hash.SHA1), (64, Hash.SHA512)],
)
def test_the_hash_follows_the_seeds_length(octets: int, hash_: Hash) -> None:
    [token] = read(f"A1,{'5a' * octets},TOTP").tokens
    assert token.profile.hash is hash_


def test_blank_lines_and_remarks_are_passed_over_and_counted() -> None:
    text = f"\ufeff# serial,seed,type\r\n\r\nA1,{SEED.upper()},TOTP\r\n#A2\n  \nA3,{SEED},HOTP"
    assert [(token.serial, token.line) for token in read(text).tokens] == [("A1", 3), ("A3", 6)]


def test_a_quoted_field_is_a_field_and_a_stray_quote_harms_one_line() -> None:
    done = read(f'"A1","{SEED}","TOTP"\nA2,"{SEED},TOTP\nA3,{SEED},TOTP\n')
    assert [token.serial for token in done.tokens] == ["A1", "A3"]
    assert [(fault.line, fault.fault) for fault in done.faults] == [(2, Fault.UNEXPECTED)]


@pytest.mark.parametrize(
    ("line", "serial", "fault"),
    [
        (f"a1,{SEED},TOTP", "", Fault.BAD_SERIAL),
        (f" A1,{SEED},TOTP", "", Fault.BAD_SERIAL),
        (f",{SEED},TOTP", "", Fault.BAD_SERIAL),
        (f"{'A' * 33},{SEED},TOTP", "", Fault.BAD_SERIAL),
        (f"\uff21,{SEED},TOTP", "", Fault.BAD_SERIAL),
        (f"A1,{SEED}", "", Fault.MISSING),
        (f"A1,{SEED},TOTP,6,30,more", "", Fault.UNEXPECTED),
        (f"A1,{SEED}0,TOTP", "A1", Fault.BAD_VALUE),
        ("A1,not hexadecimal,TOTP", "A1", Fault.BAD_VALUE),
        ("A1,,TOTP", "A1", Fault.SEED_TOO_SHORT),
        (f"A1,{SEED[:30]},TOTP", "A1", Fault.SEED_TOO_SHORT),
        (f"A1,{SEED},OCRA", "A1", Fault.UNSUPPORTED),
        (f"A1,{SEED},", "A1", Fault.UNSUPPORTED),
        (f"A1,{SEED},TOTP,5", "A1", Fault.BAD_VALUE),
        (f"A1,{SEED},TOTP,11", "A1", Fault.BAD_VALUE),
        (f"A1,{SEED},TOTP,\uff16", "A1", Fault.BAD_VALUE),
        (f"A1,{SEED},TOTP,6,0", "A1", Fault.BAD_VALUE),
        (f"A1,{SEED},TOTP,6,121", "A1", Fault.BAD_VALUE),
        (f"A1,{SEED},HOTP,6,-1", "A1", Fault.BAD_VALUE),
        (f"A1,{SEED},HOTP,6,{2**48 + 1}", "A1", Fault.BAD_VALUE),
        (f"A1,{SEED},HOTP,6,{'9' * 4000}", "A1", Fault.BAD_VALUE),
        (f"A1,{SEED},HOTP,6,{'9' * 40_000}", "", Fault.TOO_LARGE),
    ],
)
def test_a_fault_has_its_line_and_never_the_seed(line: str, serial: str, fault: Fault) -> None:
    found = one_fault(f"#\n{line}\n")
    assert (found.line, found.serial, found.fault) == (2, serial, fault)
    assert SEED[:8] not in repr(found)


def test_octets_that_are_no_text_are_one_lines_fault() -> None:
    done = read(b"A\xff1," + SEED.encode() + b",TOTP\nA2," + SEED.encode() + b",TOTP\n")
    assert [fault.fault for fault in done.faults] == [Fault.BAD_SERIAL]
    assert [token.serial for token in done.tokens] == ["A2"]


def test_a_line_longer_than_any_chunk_harms_nothing_but_itself() -> None:
    done = read(f"{'x' * 300_000}\nA2,{SEED},TOTP\n")
    assert [(fault.line, fault.fault) for fault in done.faults] == [(1, Fault.TOO_LARGE)]
    assert [(token.serial, token.line) for token in done.tokens] == [("A2", 2)]


@pytest.mark.parametrize("document", [FIGURE_6.read_bytes(), b" \n<a/>", b"A1\0,"])
def test_another_kind_of_file_is_refused_at_once(document: bytes) -> None:
    assert file_fault(document, CSV) is Fault.NOT_CSV


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_a_file_without_tokens_is_refused(text: str) -> None:
    assert file_fault(text.encode(), CSV) is Fault.MISSING


def test_a_csv_file_carries_no_signature() -> None:
    options = ReadOptions(VENDOR, signer=b"any", csv=True)
    assert file_fault(f"A1,{SEED},TOTP".encode(), options) is Fault.NOT_SIGNED
