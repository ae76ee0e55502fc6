# SPDX-License-Identifier: Apache-2.0
"""The serial number of a token that is registered by it is on every screen with its code."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from kagimori_client.token import ClockReading, HashAlgorithm, OtpProfile, SoftwareToken
from kagimori_client.token.cli.screen import Screen
from kagimori_client.token.cli.texts import Language, Words
from support.phones import software_tokens

BEGINS = 1_700_000_040
UNTIL = datetime.fromtimestamp(BEGINS + 86_400, UTC)
SERIAL = "KG0123456789"


@pytest.fixture
def token(tmp_path: Path) -> SoftwareToken:
    """A token of six digits that is to be registered within a day, on a clock that is wrong."""
    return software_tokens.token(
        tmp_path,
        profile=OtpProfile(HashAlgorithm.SHA1, 6, 30),
        register_by=UNTIL,
        clock=ClockReading(50.0, 0.1, BEGINS),
        label="給与口座",
    )


def frame(
    token: SoftwareToken,
    at: float = BEGINS,
    *,
    language: Language = Language.JA,
    width: int = 80,
    height: int = 24,
) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, legacy_windows=False)
    console.print(Screen(console, Words(language), ascii_only=False).frame(token, at))
    return file.getvalue().splitlines()


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("height", [10, 12, 15, 16, 20, 24, 50])
def test_serial_code_and_countdown_are_on_one_screen_however_low_it_is(
    height: int, language: Language, token: SoftwareToken
) -> None:
    lines = frame(token, height=height, language=language)
    said = "\n".join(lines)
    assert len(lines) <= height
    assert SERIAL in said
    assert ("残り 29 秒" if language is Language.JA else "29 s left") in said
    code = token.code(BEGINS)
    spaced = "  ".join(" ".join(group) for group in (code[:3], code[3:]))
    assert "██" in said or spaced in said
    assert max(map(cell_len, lines)) <= 80


def test_the_number_stands_below_the_code(token: SoftwareToken) -> None:
    lines = frame(token)
    code = max(number for number, line in enumerate(lines) if "██  " in line or "  ██" in line)
    (serial,) = (number for number, line in enumerate(lines) if SERIAL in line)
    assert serial > code


def test_until_when_to_register_it_is_said_as_long_as_it_can_be(token: SoftwareToken) -> None:
    assert "までに銀行の画面で登録" in "\n".join(frame(token))
    assert "までに銀行の画面で登録" not in "\n".join(frame(token, UNTIL.timestamp()))
    english = "\n".join(frame(token, language=Language.EN))
    assert f"by {UNTIL.astimezone():%Y-%m-%d %H:%M}" in english


def test_an_issued_tokens_screen_says_nothing_of_it(tmp_path: Path) -> None:
    assert "登録" not in "\n".join(frame(software_tokens.token(tmp_path)))


def test_the_one_line_of_a_dumb_terminal_has_it_too(token: SoftwareToken, tmp_path: Path) -> None:
    screen = Screen(Console(), Words(Language.JA), ascii_only=False)
    assert screen.line(token, BEGINS).endswith(f"残り 29 秒  シリアル番号 {SERIAL}")
    issued = software_tokens.token(tmp_path)
    assert "シリアル番号" not in screen.line(issued, BEGINS)
