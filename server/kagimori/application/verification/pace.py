# SPDX-License-Identifier: Apache-2.0
"""How long a commit waits for company.

A commit has a cost of its own, which is that of several cases. Where there is time
to spare nobody waits; where there is none, cases share it that came within some
milliseconds of each other, and all of them are done sooner.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

EVERY: Final = 10
"""Ticks between two looks at how busy we are."""

_CALM: Final = 0.76
_BUSY: Final = 0.82
"""Shares of the time: up to the one nobody waits, from the other on all wait as long as may be."""

_LONGEST: Final = 0.005
"""Seconds. Two commits wait so long for each case, at most."""

_SMOOTH: Final = 0.25
"""The weight of the newest look."""


class Pace:
    """Looks now and then at how busy we are; 0 is idle, 1 is no time left."""

    def __init__(self, busy: Callable[[], float]) -> None:
        """``busy`` returns the share since it was called last."""
        self._busy = busy
        self._ticks = 0
        self._share = 0.0
        self.patience = 0.0
        """Seconds for which a commit may wait for company, now."""

    def tick(self) -> None:
        """Look, every so often."""
        self._ticks += 1
        if self._ticks % EVERY:
            return
        self._share += _SMOOTH * (self._busy() - self._share)
        pressure = (self._share - _CALM) / (_BUSY - _CALM)
        self.patience = _LONGEST * min(1.0, max(0.0, pressure))
