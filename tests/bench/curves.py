# SPDX-License-Identifier: Apache-2.0
"""The curves that one figure does not show, measured and drawn into ``docs/bench/``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from bench import drawing, machine
from bench.drawing import Axis, Chart, Line
from bench.ground import WORKERS, Ground
from bench.loadgen import Loadgen
from bench.verify_latency import LOAD, at_rate
from bench.verify_stateful_scale import cold
from bench.verify_unary import IN_FLIGHT
from development.environment import ROOT

PLACE: Final = ROOT / "docs" / "bench"

_BLUE: Final = "#0072b2"
_RED: Final = "#c14600"
_GREY: Final = "#777777"

_CALLS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_TURNS: Final = 2
# Long enough for what lies beyond the last share to be several calls.
_LATENCY_SECONDS: Final = 10
_LAST_SHARE: Final = 0.9991


@dataclass(frozen=True, slots=True)
class _Side:
    name: str
    asking: Loadgen
    colour: str
    dashed: bool = False

    def line(self, points: list[tuple[float, float]], more: str = "") -> Line:
        return Line(f"{self.name}{more}", points, self.colour, self.dashed)


def draw(ground: Ground) -> None:
    """Measure and draw every curve."""
    PLACE.mkdir(parents=True, exist_ok=True)
    charts = {
        "rate-over-concurrency": _concurrency(ground),
        "latency-at-30-percent-load": _latency(ground),
        "rate-over-tokens": _tokens(ground),
    }
    for name, chart in charts.items():
        (PLACE / f"{name}.svg").write_text(drawing.svg(chart), encoding="utf-8")


def _concurrency(ground: Ground) -> Chart:
    workers = _Side(f"empty handler, {WORKERS} workers", ground.empty_workers, _GREY, dashed=True)
    sides = [*_sides(ground), workers]
    seconds = ground.rounds.seconds
    rates = [
        _best([partial(side.asking.closed_rate, calls, seconds) for side in sides])
        for calls in _CALLS
    ]
    curves = zip(*rates, strict=True)
    return Chart(
        title="VerifyOtp: rate over concurrency",
        notes=_notes("Closed loop over mTLS. Every code is right, fresh and durably accepted."),
        x=Axis("calls in flight", "log", _CALLS),
        y=Axis("verifications per second"),
        lines=[
            side.line(list(zip(_CALLS, curve, strict=True)))
            for side, curve in zip(sides, curves, strict=True)
        ],
    )


def _latency(ground: Ground) -> Chart:
    def line(side: _Side) -> Line:
        rate = LOAD * side.asking.closed_rate(IN_FLIGHT, ground.rounds.seconds)
        report = at_rate(side.asking, rate, _LATENCY_SECONDS)
        return side.line(_percentiles(report), f", {rate:,.0f}/s")

    return Chart(
        title=f"VerifyOtp: latency at {LOAD:.0%} of each side's capacity",
        notes=_notes("Open loop over mTLS. A call's time counts from when it was due."),
        x=Axis("calls that took no longer", "log", (1, 2, 10, 100, 1000), _SHARE_OF_CALLS),
        y=Axis("milliseconds", "log"),
        lines=_to_a_common_end([line(side) for side in _sides(ground)]),
    )


def _to_a_common_end(lines: Sequence[Line]) -> list[Line]:
    """Cut the lines where the first of them ends: of fewer calls less can be said."""
    end = min(line.points[-1][0] for line in lines)
    return [
        replace(line, points=[point for point in line.points if point[0] <= end]) for line in lines
    ]


def _tokens(ground: Ground) -> Chart:
    counts = [10**digits for digits in range(3, 7) if 10**digits <= ground.many]
    with ExitStack() as served:
        stores = [served.enter_context(cold(ground, count)) for count in counts]
        seconds = ground.rounds.seconds
        rates = _best([partial(store.closed_rate, IN_FLIGHT, seconds) for store in stores])
    return Chart(
        title="VerifyOtp: rate over the number of tokens",
        notes=_notes("SQLite. Tokens in random order: each seed is unwrapped in the HSM anew."),
        x=Axis("tokens in the store", "log", counts),
        y=Axis("verifications per second"),
        lines=[Line("SQLite", list(zip(counts, rates, strict=True)), _BLUE)],
    )


def _best(rates: Sequence[Callable[[], float]]) -> list[float]:
    """Measure in turn, so that a busy spell meets all; keep the best of each."""
    turns = [[rate() for rate in rates] for _ in range(_TURNS)]
    return [max(of_one) for of_one in zip(*turns, strict=True)]


def _sides(ground: Ground) -> list[_Side]:
    return [
        _Side("SQLite", ground.sqlite, _BLUE),
        _Side(f"PostgreSQL, {WORKERS} workers", ground.postgresql, _RED),
        _Side("empty handler", ground.empty, _GREY, dashed=True),
    ]


def _notes(about: str) -> list[str]:
    return [about, *machine.described()]


# 1/(1 - share) is what the axis counts: each ten is a nine more.
_SHARE_OF_CALLS: Final = "format(100 - 100 / datum.value, '.4~r') + '%'"


def _percentiles(report: dict[str, Any]) -> list[tuple[float, float]]:
    return [
        (1 / (1 - share), micros / 1e3)
        for share, micros in report["latency_curve"]
        if share <= _LAST_SHARE
    ]
