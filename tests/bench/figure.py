# SPDX-License-Identifier: Apache-2.0
"""What a bench comes to, and how long it may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often each side is measured, and for how many milliseconds at a time."""

    count: int
    milliseconds: int


FULL: Final = Rounds(count=9, milliseconds=300)
SMOKE: Final = Rounds(count=1, milliseconds=20)


@dataclass(frozen=True, slots=True)
class Figure:
    """A rate and its ceiling (or peer), both per second, of one run."""

    rate: float
    ceiling: float

    @property
    def ratio(self) -> float:
        """Return what is judged."""
        return self.rate / self.ceiling

    def report(self) -> dict[str, float]:
        """Return the entry of ``build/bench.json``."""
        return {"rate": self.rate, "ceiling": self.ceiling, "ratio": self.ratio}


def by_turns(rounds: Rounds, rate: Callable[[], float], ceiling: Callable[[], float]) -> Figure:
    """Measure both sides in turn and keep the best round of each.

    In turn, so that a busy spell of the machine meets both; the best, because
    what disturbs a round can only make it slower.
    """
    pairs = [(rate(), ceiling()) for _ in range(rounds.count)]
    return Figure(max(pair[0] for pair in pairs), max(pair[1] for pair in pairs))
