# SPDX-License-Identifier: Apache-2.0
"""`BatchVerifyOtp` with 64 codes a call on SQLite, beside a handler that does nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bench.figure import Figure, by_turns
from bench.ground import Ground

CODES: Final = 64
IN_FLIGHT: Final = 8


def measure(ground: Ground) -> Figure:
    """Return codes verified per second, and codes per second of the empty handler."""
    seconds = ground.rounds.seconds
    real, empty = (replace(side, batch=CODES) for side in (ground.sqlite, ground.empty))
    return by_turns(
        ground.rounds,
        lambda: real.closed_rate(IN_FLIGHT, seconds),
        lambda: empty.closed_rate(IN_FLIGHT, seconds),
    )
