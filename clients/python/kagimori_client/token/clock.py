# SPDX-License-Identifier: Apache-2.0
"""How wrong the device's clock is: a wrong clock shows wrong codes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

READINGS: Final = 3
"""The first one pays for the handshake; the quickest one counts."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The device's clock beside the authority's.

    ``error`` in seconds, positive where the device's clock is fast; it lies
    within ``uncertainty`` seconds (half the round trip) of the truth.
    ``measured_at`` is in seconds since 1970 by the device's clock.
    """

    error: float
    uncertainty: float
    measured_at: float

    def is_beyond(self, period: int) -> bool:
        """Say whether codes may be refused: the clock is wrong by more than half a period."""
        return abs(self.error) > period / 2


def read(ask: Callable[[], float]) -> ClockReading:
    """Return the best of some readings; ``ask`` returns the authority's time, in seconds."""
    return min((_read(ask) for _ in range(READINGS)), key=lambda reading: reading.uncertainty)


def _read(ask: Callable[[], float]) -> ClockReading:
    asked_at, began = time.time(), time.monotonic()
    theirs = ask()
    # Half the round trip, by a clock that nobody sets meanwhile.
    half = (time.monotonic() - began) / 2
    return ClockReading(asked_at + half - theirs, half, asked_at)
