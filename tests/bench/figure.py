# SPDX-License-Identifier: Apache-2.0
"""What a bench comes to, and how long it may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often each side is measured, and for how long at a time.

    ``milliseconds`` are for a loop in one process; ``seconds`` for a server
    under load, whose first calls are slower than the others.
    """

    count: int
    milliseconds: int
    seconds: float


FULL: Final = Rounds(count=9, milliseconds=300, seconds=1.5)
SMOKE: Final = Rounds(count=2, milliseconds=50, seconds=0.4)


@dataclass(frozen=True, slots=True)
class Figure:
    """A rate and its ceiling (or peer), both per second, of one run.

    A time is told as its reciprocal, so that more is better everywhere; ``note``
    then says it in its own unit.
    """

    rate: float
    ceiling: float
    note: str = ""

    @property
    def ratio(self) -> float:
        """Return what is judged."""
        return self.rate / self.ceiling

    def report(self) -> dict[str, float | str]:
        """Return the entry of ``build/bench.json``."""
        figures = {"rate": self.rate, "ceiling": self.ceiling, "ratio": self.ratio}
        return {**figures, "note": self.note} if self.note else {**figures}


def by_turns(
    rounds: Rounds, rate: Callable[[], float], ceiling: Callable[[], float], note: str = ""
) -> Figure:
    """Measure both sides in turn and keep the best round of each.

    In turn, so that a busy spell of the machine meets both; the best, because
    what disturbs a round can only make it slower.
    """
    pairs = [(rate(), ceiling()) for _ in range(rounds.count)]
    return Figure(max(pair[0] for pair in pairs), max(pair[1] for pair in pairs), note)
