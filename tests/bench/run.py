# SPDX-License-Identifier: Apache-2.0
"""``make bench``: every rate beside what it is measured against.

Writes ``build/bench.json`` as ``{name: {"rate": r, "ceiling": c, "ratio": r/c}}``
with rates per second, and exits 1 if a ratio is below its threshold. With
``--smoke`` the rounds are few and short: it shows that the benches run, and
says nothing about speed. So it applies no threshold, and writes
``build/bench-smoke.json`` instead.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import hsm_search, otp_core, verify_unary
from bench.figure import FULL, SMOKE, Figure, Rounds

BUILD: Final = Path(__file__).resolve().parents[2] / "build"


@dataclass(frozen=True, slots=True)
class Bench:
    """A rate, what it stands beside, and the least it must come to.

    ``threshold`` is None for a rate that is reported and not judged yet.
    """

    name: str
    beside: str
    threshold: float | None
    measure: Callable[[Rounds], Figure]


BENCHES: Final = (
    Bench("hsm_search", "a bare C_SignInit + C_Sign loop", 0.8, hsm_search.measure),
    Bench("otp_core", "pyotp's HOTP.at", 20.0, otp_core.measure),
    # Each call commits twice by itself: it will be judged when commits are shared.
    Bench("verify_unary", "an empty handler of the same flavour", None, verify_unary.measure),
)


def main() -> int:
    """Measure, report, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="few and short rounds, no thresholds")
    smoke = parser.parse_args().smoke
    figures = {bench.name: bench.measure(SMOKE if smoke else FULL) for bench in BENCHES}
    BUILD.mkdir(exist_ok=True)
    report = {name: figure.report() for name, figure in figures.items()}
    file = BUILD / ("bench-smoke.json" if smoke else "bench.json")
    file.write_text(json.dumps(report, indent=2) + "\n")
    sys.stdout.write(_table(figures))
    slow = [bench.name for bench in BENCHES if figures[bench.name].ratio < (bench.threshold or 0)]
    if slow and not smoke:
        sys.stdout.write(f"bench: below the threshold: {', '.join(slow)}\n")
        return 1
    return 0


def _table(figures: dict[str, Figure]) -> str:
    lines = [f"{'':12}{'rate/s':>12}{'ceiling/s':>12}{'ratio':>8}{'wanted':>8}  beside"]
    for bench in BENCHES:
        it = figures[bench.name]
        wanted = "-" if bench.threshold is None else f"{bench.threshold:.2f}"
        lines.append(
            f"{bench.name:12}{it.rate:12,.0f}{it.ceiling:12,.0f}{it.ratio:8.2f}"
            f"{wanted:>8}  {bench.beside}"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
