# SPDX-License-Identifier: Apache-2.0
"""``make bench``: every rate beside what it is measured against.

Prints a line for each, writes ``build/bench.json``, draws the curves into
``docs/bench/``, and exits 1 if a figure is below what is wanted.

With ``--smoke`` rounds are few and short, stores are small, and no curves are
drawn: it takes little more than a minute, says little about speed, and fails where a
figure is below half of what is wanted. It writes ``build/bench-smoke.json``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from bench import report
from bench.benches import BENCHES
from bench.figure import Figure
from bench.ground import SMALL, WHOLE, Ground, ground
from development.environment import ROOT

_ENOUGH = 1.0
_ENOUGH_OF_A_SMOKE_RUN = 0.5


def main() -> int:
    """Measure, report, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="few and short rounds, no curves")
    smoke = parser.parse_args().smoke
    with ground(SMALL if smoke else WHOLE) as opened:
        figures = dict(_measured(opened))
        if not smoke:
            _draw(opened)
    report.write(ROOT / "build" / ("bench-smoke.json" if smoke else "bench.json"), figures)
    slow = report.too_slow(figures, _ENOUGH_OF_A_SMOKE_RUN if smoke else _ENOUGH, short=smoke)
    if slow:
        _say(f"bench: below what is wanted: {', '.join(slow)}")
    return 1 if slow else 0


def _measured(opened: Ground) -> Iterator[tuple[str, Figure]]:
    _say(report.header())
    for bench in BENCHES:
        figure = bench.measure(opened)
        _say(report.line(bench, figure))
        yield bench.name, figure


def _draw(opened: Ground) -> None:
    # Only here: who runs the smoke run need not have what draws.
    from bench import curves  # noqa: PLC0415

    curves.draw(opened)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
