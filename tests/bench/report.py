# SPDX-License-Identifier: Apache-2.0
"""The figures of a run: for people, for programs, and as a verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.benches import BENCHES, Bench
from bench.figure import Figure

_HEADER: Final = f"{'':22}{'rate/s':>12}{'ceiling/s':>12}{'ratio':>8}{'wanted':>10}  beside"


def header() -> str:
    """Return the table's first line."""
    return _HEADER


def line(bench: Bench, figure: Figure) -> str:
    """Return a bench's line of the table."""
    beside = f"{bench.beside} ({figure.note})" if figure.note else bench.beside
    rates = f"{_short(figure.rate):>12}{_short(figure.ceiling):>12}"
    return f"{bench.name:22}{rates}{figure.ratio:8.2f}{bench.wanted:>10}  {beside}"


def too_slow(figures: Mapping[str, Figure], share: float, *, short: bool) -> list[str]:
    """Return the benches that came to less than ``share`` of what is wanted."""
    return [
        bench.name for bench in BENCHES if bench.share(figures[bench.name], short=short) < share
    ]


def write(file: Path, figures: Mapping[str, Figure]) -> None:
    """Write the figures as ``{name: {"rate": r, "ceiling": c, "ratio": r/c}}``."""
    file.parent.mkdir(exist_ok=True)
    report = {name: figure.report() for name, figure in figures.items()}
    file.write_text(json.dumps(report, indent=2) + "\n")


def _short(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.2f}"
