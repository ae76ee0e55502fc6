# SPDX-License-Identifier: Apache-2.0
"""The code on the whole screen, with its countdown; gone when one leaves."""

from __future__ import annotations

import contextlib
import time
from datetime import datetime
from typing import Final

from rich.align import Align
from rich.console import Console, Group
from rich.control import Control
from rich.live import Live
from rich.text import Text as RichText

from kagimori_client.token.cli import texts
from kagimori_client.token.cli.digits import drawn, grouped
from kagimori_client.token.cli.keyboard import keyboard
from kagimori_client.token.cli.texts import Language, Words
from kagimori_client.token.clock import ClockReading
from kagimori_client.token.software_token import SoftwareToken

_BLOCKS: Final = ("█", "░")
_ASCII: Final = ("#", "-")
_LONGEST_BAR: Final = 60
_SHORTEST_SCREEN: Final = 15
_SOON: Final = 10
_VERY_SOON: Final = 5


class Screen:
    """Shows one token."""

    def __init__(self, console: Console, words: Words, *, ascii_only: bool) -> None:
        """Draw on ``console``, with block characters where it has them."""
        self._console, self._words = console, words
        self._ink, self._paper = _ASCII if ascii_only or not _has_blocks(console) else _BLOCKS

    def run(self, token: SoftwareToken) -> None:
        """Show the code, and the next one at 0, until q or Ctrl-C."""
        with contextlib.suppress(KeyboardInterrupt), keyboard() as keys, self._live() as live:
            try:
                leaving = False
                while not leaving:
                    now = time.time()
                    live.update(self.frame(token, now), refresh=True)
                    # Periods begin at whole seconds, and so does every count.
                    leaving = keys.wait(1.0 - now % 1.0)
            finally:
                live.update(RichText(), refresh=True)
                # Where there is no second screen to be left, this one is wiped.
                self._console.control(Control.clear(), Control.home())

    def line(self, token: SoftwareToken, at: float) -> str:
        """Return the code and its seconds in one line, for what is no screen."""
        left = self._words(texts.REMAINING, seconds=token.seconds_left(at))
        line = f"{' '.join(grouped(token.code(at)))}  {left}"
        if token.register_by is None:
            return line
        return f"{line}  {self._words(texts.SERIAL, serial=token.serial)}"

    def frame(self, token: SoftwareToken, at: float) -> Align:
        """Return the screen at ``at``."""
        code, left = token.code(at), token.seconds_left(at)
        style = "red" if left <= _VERY_SOON else "yellow" if left <= _SOON else "green"
        lines = [
            RichText(token.label or token.issuer, "bold"),
            RichText(token.issuer if token.label else " "),
            _blank(),
            *(RichText(row, "bold") for row in self.big(code)),
            _blank(),
            RichText(self._words(texts.REMAINING, seconds=left), style),
            RichText(self._bar(left, token.profile.period), style),
            _blank(),
        ]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        lines += self._notes(token, at)
        if len(lines) > self._console.height:
            # What is said goes before what is nice to look at.
            lines = [line for line in lines if line.plain.strip()]
        return Align.center(
            Group(*map(Align.center, lines)), vertical="middle", height=self._console.height
        )

    def big(self, code: str) -> list[str]:
        """Return the rows of ``code``: drawn where there is room, else in one line."""
        rows = drawn(code, self._ink)
        room = self._console.size
        if room.width < len(rows[0]) or room.height < _SHORTEST_SCREEN:
            return ["  ".join(" ".join(group) for group in grouped(code))]
        return rows

    def _live(self) -> Live:
        return Live(console=self._console, screen=True, auto_refresh=False, redirect_stderr=False)

    def _bar(self, left: int, period: int) -> str:
        width = max(1, min(_LONGEST_BAR, self._console.width - 4))
        full = width if period == 1 else round(width * left / (period - 1))
        return self._ink * full + self._paper * (width - full)

    def _notes(self, token: SoftwareToken, at: float) -> list[RichText]:
        serial = self._words(texts.SERIAL, serial=token.serial)
        until = token.register_by
        # By this number its customer registers it.
        notes = [RichText(serial, "dim" if until is None else "bold")]
        if until is not None and at < until.timestamp():
            said = self._words(texts.REGISTER_BY, until=moment(self._words, until))
            notes.append(RichText(said, "dim"))
        if token.clock and token.clock_is_wrong:
            warned = clock_sentence(self._words, token.clock), self._words(texts.CLOCK_WRONG)
            notes += [RichText(line, "yellow") for line in warned]
        return [*notes, RichText(self._words(texts.LEAVE), "dim")]


def clock_sentence(words: Words, reading: ClockReading) -> str:
    """Return how far ahead or behind the clock is."""
    text = texts.CLOCK_FAST if reading.error >= 0 else texts.CLOCK_SLOW
    return words(text, seconds=abs(reading.error), uncertainty=reading.uncertainty)


def moment(words: Words, at: datetime) -> str:
    """Return a time as it is written, by the clock of where the device is."""
    written = "%Y年%m月%d日 %H:%M" if words.language is Language.JA else "%Y-%m-%d %H:%M"
    return at.astimezone().strftime(written)


def _blank() -> RichText:
    # One without a space would be no line at all.
    return RichText(" ")


def _has_blocks(console: Console) -> bool:
    try:
        "".join(_BLOCKS).encode(console.encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True
