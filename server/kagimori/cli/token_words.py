# SPDX-License-Identifier: Apache-2.0
"""Short words for what a token is and does, for the pages of ``kagimori tokens``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import typer

from kagimori.domain.token import NEVER, MovingFactor, Profile

if TYPE_CHECKING:
    from kagimori.application.inventory.shelf_ports import Shelved

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COLOURS: Final = {
    "ACTIVE": "green",
    "LOCKED": "yellow",
    "BARRED": "yellow",
    "EXPIRED": "red",
}
_GONE: Final = frozenset({"DEFECTIVE", "RETIRED"})


def coloured(state: str, cell: str) -> str:
    """Return a cell that tells of ``state`` in its colour, for `typer.echo`."""
    return typer.style(cell, fg=_COLOURS.get(state), dim=state in _GONE or None)


def profile(codes: Profile) -> str:
    """Return digits, what makes the next code, and the hash: ``6/30s SHA1``."""
    moves = f"{codes.period}s" if codes.factor is MovingFactor.TIME else "event"
    return f"{codes.digits}/{moves} {codes.hash}"


def day(time: datetime | None, zone: ZoneInfo) -> str:
    """Return the calendar day in ``zone``; nothing for no time."""
    return "" if time is None else f"{time.astimezone(zone):%Y-%m-%d}"


def minute(time: datetime, zone: ZoneInfo) -> str:
    """Return a time in ``zone`` to the minute."""
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M}"


def step_time(token: Shelved, zone: ZoneInfo) -> str:
    """Return when the last code was shown that was accepted, by the token's own clock.

    An event-based token has no clock: it is a counter.
    """
    codes, step = token.profile, token.last_step
    if step == NEVER:
        return "never"
    if codes.factor is MovingFactor.EVENT:
        return f"counter {step}"
    try:
        return minute(_EPOCH + timedelta(seconds=codes.t0 + step * codes.period), zone)
    except (OverflowError, ValueError):
        # Somebody has written to the row: no clock shows that.
        return f"step {step}"
