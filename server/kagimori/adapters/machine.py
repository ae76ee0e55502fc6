# SPDX-License-Identifier: Apache-2.0
"""How busy this event loop and the machine are."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

_STAT: Final = Path("/proc/stat")
_IDLE: Final = slice(3, 5)
_ALL: Final = slice(0, 8)


class BusyShare:
    """The share of the time that was not spare, for whoever asks from one thread.

    That thread has no time to spare when it computes all the time, and neither when
    the processors do, for whomever: it then waits for one of them. Where Linux does
    not tell about the processors, only the thread counts.
    """

    def __init__(self) -> None:
        """Look for the first time."""
        self._thread = _thread_times()
        self._machine = _machine_times()

    def __call__(self) -> float:
        """Return the share since the last call, 0 to 1."""
        before, self._thread = self._thread, _thread_times()
        share = _share(before, self._thread)
        before, self._machine = self._machine, _machine_times()
        return max(share, _share(before, self._machine))


def _thread_times() -> tuple[float, float]:
    return time.thread_time(), time.monotonic()


def _machine_times() -> tuple[float, float]:
    """Return how long the processors have worked, and how long they have been there."""
    try:
        with _STAT.open() as file:
            times = [int(ticks) for ticks in file.readline().split()[1:]]
    except OSError:
        return 0.0, 0.0
    everything = sum(times[_ALL])
    return everything - sum(times[_IDLE]), everything


def _share(before: tuple[float, float], after: tuple[float, float]) -> float:
    worked, passed = (now - then for now, then in zip(after, before, strict=True))
    return min(1.0, worked / passed) if passed else 0.0
