# SPDX-License-Identifier: Apache-2.0
"""How long `VerifyOtp` takes at 30 % load, beside a handler that does nothing.

Open loop: calls come by a timetable, at 30 % of what each side can do at most,
and wait in the client for nobody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from bench.figure import Figure, by_turns
from bench.ground import Ground
from bench.loadgen import Loadgen
from bench.verify_unary import IN_FLIGHT

LOAD: Final = 0.3
# A 99th percentile needs some hundreds of calls.
_LONGER: Final = 2


def measure(ground: Ground) -> Figure:
    """Return the 99th percentiles of both as reciprocals, in calls per second."""
    seconds = ground.rounds.seconds
    real, empty = ground.sqlite, ground.empty
    rates = [LOAD * side.closed_rate(IN_FLIGHT, seconds) for side in (real, empty)]
    figure = by_turns(
        ground.rounds,
        lambda: 1 / p99(at_rate(real, rates[0], _LONGER * seconds)),
        lambda: 1 / p99(at_rate(empty, rates[1], _LONGER * seconds)),
    )
    note = f"p99 {1e3 / figure.rate:.2f} ms, beside {1e3 / figure.ceiling:.2f} ms"
    return replace(figure, note=note)


def at_rate(side: Loadgen, calls_per_second: float, seconds: float) -> dict[str, Any]:
    """Return loadgen's report of an open loop in which every code was accepted."""
    return side.accepted(f"--rate={calls_per_second}", f"--seconds={seconds}")


def p99(report: dict[str, Any]) -> float:
    """Return the 99th percentile of a report in seconds."""
    return float(report["latency_us"]["p99"]) / 1e6
