# SPDX-License-Identifier: Apache-2.0
"""What is drawn: digits that can be read, a bar that shrinks, nothing that overflows."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from kagimori_client.token import ClockReading, HashAlgorithm, OtpProfile, SoftwareToken
from kagimori_client.token.cli.digits import ROWS, drawn
from kagimori_client.token.cli.screen import Screen
from kagimori_client.token.cli.texts import Language, Words
from support.phones import software_tokens

BEGINS = 1_700_000_040
"""A step of 60 seconds begins."""


def frame(  # noqa: PLR0913 - a screen has many sides
    token: SoftwareToken,
    at: float = BEGINS,
    *,
    language: Language = Language.JA,
    width: int = 80,
    height: int = 24,
    ascii_only: bool = False,
    colour: bool = False,
) -> list[str]:
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        height=height,
        force_terminal=colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
    )
    screen = Screen(console, Words(language), ascii_only=ascii_only)
    console.print(screen.frame(token, at))
    return file.getvalue().splitlines()


def read_back(lines: list[str], digits: int, ink: str) -> str:
    """Read the big digits, as an eye would: by comparing their shapes."""
    shapes = {tuple(drawn(f"{d}{d}", ink)): d for d in range(10)}
    marked = [number for number, line in enumerate(lines) if ink * 2 in line][:ROWS]
    rows = [lines[number] for number in marked]
    left = min(len(row) - len(row.lstrip()) for row in rows)
    read, column = "", left
    for place in range(digits):
        column += 4 if place == digits // 2 else 0
        cell = tuple(row[column : column + 6].ljust(6) for row in rows)
        read += next(str(d) for shape, d in shapes.items() if cell == tuple(s[:6] for s in shape))
        column += 8
    return read


@pytest.mark.parametrize("ascii_only", [False, True], ids=["blocks", "ascii"])
@pytest.mark.parametrize("digits", [6, 7, 8])
def test_the_digits_read_as_the_code(digits: int, ascii_only: bool, tmp_path: Path) -> None:  # noqa: FBT001
    token = software_tokens.token(tmp_path, profile=OtpProfile(HashAlgorithm.SHA1, digits, 60))
    for step in range(12):
        at = BEGINS + step * 60
        lines = frame(token, at, ascii_only=ascii_only)
        # A column of blanks on the left, such as that of a 1, is not seen.
        drawn_code = "\n".join(drawn(token.code(at), "#" if ascii_only else "█"))
        assert all(row.strip() in "\n".join(lines) for row in drawn_code.splitlines())
        if token.code(at)[0] != "1":
            assert read_back(lines, digits, "#" if ascii_only else "█") == token.code(at)


def test_every_digit_is_as_wide_and_looks_like_no_other() -> None:
    shapes = {digit: tuple(drawn(digit * 2, "█")) for digit in "0123456789"}
    assert len(set(shapes.values())) == 10
    assert {len(row) for shape in shapes.values() for row in shape} == {6 + 6 + 6}


@pytest.mark.parametrize("language", list(Language))
def test_it_fits_80_columns_and_24_lines(language: Language, tmp_path: Path) -> None:
    token = software_tokens.token(
        tmp_path, label="漢" * 20, issuer="信" * 45, clock=ClockReading(-1234.5, 9.5, 0)
    )
    lines = frame(token, language=language)
    assert len(lines) == 24
    assert max(map(cell_len, lines)) <= 80


def test_wide_characters_are_centred_by_their_cells(tmp_path: Path) -> None:
    lines = frame(software_tokens.token(tmp_path, label="給与口座"))
    (line,) = (line for line in lines if "給与口座" in line)
    assert len(line) - len(line.lstrip()) == (80 - 8) // 2


def test_the_bar_shrinks_and_the_seconds_with_it(tmp_path: Path) -> None:
    token = software_tokens.token(tmp_path)
    bars, seconds = [], []
    for second in (0, 1, 20, 40, 58, 59):
        lines = frame(token, BEGINS + second, ascii_only=True)
        (count,) = (line for line in lines if "残り" in line)
        bar = lines[lines.index(count) + 1].strip()
        assert len(bar) == 60
        bars.append(bar.count("#"))
        seconds.append(count.split()[1])
    assert bars == sorted(bars, reverse=True)
    assert (bars[0], bars[-1]) == (60, 0)
    assert seconds == ["59", "58", "39", "19", "1", "0"]


def test_a_small_terminal_shows_small_digits(tmp_path: Path) -> None:
    token = software_tokens.token(tmp_path)
    code = token.code(BEGINS)
    spaced = f"{' '.join(code[:4])}  {' '.join(code[4:])}"
    lines = frame(token, width=40, height=14)
    assert any(spaced in line for line in lines)
    assert max(map(cell_len, lines)) <= 40


def test_a_wrong_clock_is_told_in_yellow(tmp_path: Path) -> None:
    token = software_tokens.token(tmp_path, clock=ClockReading(31.0, 0.2, 0))
    said = "\n".join(frame(token, language=Language.EN, colour=True))
    assert "\x1b[33mThis device's clock is 31.0 s fast" in said
    assert "\x1b[33mWarning: the clock is wrong" in said


@pytest.mark.parametrize("error", [30.0, -30.0, 0.0])
def test_up_to_half_a_period_nothing_is_told(error: float, tmp_path: Path) -> None:
    token = software_tokens.token(tmp_path, clock=ClockReading(error, 0.2, 0))
    assert "clock" not in "\n".join(frame(token, language=Language.EN))


def test_without_colour_there_is_no_escape(tmp_path: Path) -> None:
    assert "\x1b" not in "\n".join(frame(software_tokens.token(tmp_path)))


def test_a_terminal_without_blocks_is_drawn_in_ascii(tmp_path: Path) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = Console(file=file, width=80, height=24)
    screen = Screen(console, Words(Language.EN), ascii_only=False)
    console.print(screen.frame(software_tokens.token(tmp_path, issuer="Bank"), BEGINS))
    file.flush()
    buffer = file.buffer
    assert isinstance(buffer, io.BytesIO)
    assert b"######" in buffer.getvalue()
