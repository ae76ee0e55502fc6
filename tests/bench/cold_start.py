# SPDX-License-Identifier: Apache-2.0
"""How long a server with many tokens takes from its start until its health says SERVING."""

from __future__ import annotations

import time
from typing import Final

from bench.figure import Figure
from bench.ground import Ground
from development.server import ServerProcess

SECONDS: Final = 2.0
_MOST_STARTS: Final = 5


def measure(ground: Ground) -> Figure:
    """Return what is wanted and what it takes, both as starts per second."""
    place = ground.place("start", ground.many, {})
    starts = min(ground.rounds.count, _MOST_STARTS)
    best = min(_start(ServerProcess(place)) for _ in range(starts))
    return Figure(1 / best, 1 / SECONDS, f"{best:.2f} s with {ground.many:,} tokens")


def _start(server: ServerProcess) -> float:
    begun = time.perf_counter()
    with server:
        return time.perf_counter() - begun
