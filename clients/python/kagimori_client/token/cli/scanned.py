# SPDX-License-Identifier: Apache-2.0
"""The text of a QR code, from where a customer has it to a `str`: no octet more or less."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from kagimori_client.token.errors import NotATransaction
from kagimori_client.transaction import HEAD_LINES, LONGEST_TEXT, TRANSFER_LINES, VERSION

_SPARE: Final = 256
"""Octets for ends of lines that are none of the text's."""
_HEAD: Final = re.compile(r"[A-Z]{3} ([1-9][0-9]{0,2}) [0-9]+")


def from_file(path: Path) -> str:
    """Return the text in a file or a pipe; raise `NotATransaction` or `OSError`."""
    with path.open("rb") as file:
        octets = file.read(LONGEST_TEXT + _SPARE)
    try:
        return restored(octets.decode().replace("\r\n", "\n"))
    except UnicodeDecodeError:
        raise NotATransaction from None


def from_rest(read: Callable[[int], str]) -> str:
    """Return the text that ``read`` gives until its end; raise `NotATransaction`."""
    try:
        return restored(read(LONGEST_TEXT + _SPARE))
    except UnicodeDecodeError:
        raise NotATransaction from None


def from_lines(next_line: Callable[[], str]) -> str:
    """Return the text that is pasted line by line: as many as it says that it has.

    An empty line is no end, for a reference may be empty.
    """
    lines: list[str] = []
    with suppress(EOFError):
        while len(lines) < _wanted(lines):
            lines.append(next_line())
    return restored("\n".join(lines))


def restored(said: str) -> str:
    """Return the text itself, whose end programs and shells may have added line feeds to."""
    return said.rstrip("\n")


def _wanted(lines: list[str]) -> int:
    """Return how many lines there will be, as far as ``lines`` tell."""
    if not lines:
        return 1
    if lines[0] != VERSION:
        return 0
    if len(lines) < HEAD_LINES:
        return HEAD_LINES
    head = _HEAD.fullmatch(lines[HEAD_LINES - 1])
    return HEAD_LINES + TRANSFER_LINES * int(head[1]) if head else 0
