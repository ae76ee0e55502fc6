# SPDX-License-Identifier: Apache-2.0
"""Line charts as SVG, drawn by Vega-Lite.

A line is named at its right end, in its own colour. DejaVu Sans and Verdana are
as wide, so that a chart fits wherever it is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

import vl_convert

_FONT: Final = "DejaVu Sans, Verdana, sans-serif"
_INK: Final = "#222222"
_PALE: Final = "#666666"
_GRID: Final = "#e4e4e4"
_WIDTH: Final = 620
_HEIGHT: Final = 340
_MOST_DOTS: Final = 15
_LABEL_GAP: Final = 17
"""Pixels between two names at least."""
_NUDGES: Final = 50
_HEADROOM: Final = 1.12


@dataclass(frozen=True, slots=True)
class Line:
    """Points from left to right, and what they are of. A peer's line is ``dashed``."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """What is counted along it, with its unit. ``label`` is an expression of Vega's."""

    title: str
    scale: Literal["linear", "log"] = "linear"
    ticks: Sequence[float] | None = None
    label: str = "format(datum.value, ',~r')"


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture. ``notes`` are small lines below its title."""

    title: str
    notes: Sequence[str]
    x: Axis
    y: Axis
    lines: Sequence[Line]


def svg(chart: Chart) -> str:
    """Return the text of an SVG file."""
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": _WIDTH,
        "height": _HEIGHT,
        "title": {"text": chart.title, "subtitle": list(chart.notes)},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", **_axis(chart.x, _x_domain(chart))},
            "y": {"field": "y", "type": "quantitative", **_axis(chart.y, _y_domain(chart))},
        },
        "layer": [*map(_drawn, chart.lines), *_names(chart)],
        "config": _CONFIG,
    }
    return vl_convert.vegalite_to_svg(spec)


def _axis(axis: Axis, domain: tuple[float, float]) -> dict[str, Any]:
    look: dict[str, Any] = {"title": axis.title, "labelExpr": axis.label}
    if axis.ticks is not None:
        look["values"] = list(axis.ticks)
    elif axis.scale == "log":
        look["values"] = _one_two_five(*domain)
    return {"axis": look, "scale": {"type": axis.scale, "domain": list(domain), "nice": False}}


def _one_two_five(low: float, high: float) -> list[float]:
    """Return the round numbers between ``low`` and ``high``, three for each ten."""
    tens = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    return [head * 10.0**ten for ten in tens for head in (1, 2, 5) if low <= head * 10**ten <= high]


def _drawn(line: Line) -> dict[str, Any]:
    data = {"values": [{"x": x, "y": y} for x, y in line.points]}
    dash = [5, 4] if line.dashed else [1, 0]
    dots = {"color": line.colour, "size": 36} if len(line.points) <= _MOST_DOTS else False
    mark = {"type": "line", "color": line.colour, "strokeDash": dash, "point": dots}
    return {"data": data, "mark": mark}


def _names(chart: Chart) -> list[dict[str, Any]]:
    """Return a layer for each name, pushed apart where lines end side by side."""
    domain = _y_domain(chart)
    wanted = [_pixel(chart.y.scale, domain, line.points[-1][1]) for line in chart.lines]
    return [
        {
            "data": {"values": [{"x": line.points[-1][0], "at": at, "name": line.name}]},
            "mark": {"type": "text", "align": "left", "dx": 9, "color": line.colour},
            "encoding": {
                "y": {"field": "at", "type": "quantitative", "scale": None},
                "text": {"field": "name"},
            },
        }
        for line, at in zip(chart.lines, _apart(wanted), strict=True)
    ]


def _apart(wanted: Sequence[float]) -> list[float]:
    """Return heights in pixels near those ``wanted``, none too close to another."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    heights = list(wanted)
    for _ in range(_NUDGES):
        for above, below in pairwise(order):
            nudge = max(0.0, _LABEL_GAP - (heights[below] - heights[above])) / 2
            heights[above] -= nudge
            heights[below] += nudge
    return heights


def _pixel(scale: str, domain: tuple[float, float], value: float) -> float:
    """Return how far below the upper edge ``value`` is drawn."""
    measure = math.log if scale == "log" else float
    low, high, at = (measure(each) for each in (*domain, value))
    return _HEIGHT * (high - at) / (high - low)


def _x_domain(chart: Chart) -> tuple[float, float]:
    values = [x for line in chart.lines for x, _ in line.points]
    return min(values), max(values)


def _y_domain(chart: Chart) -> tuple[float, float]:
    values = [y for line in chart.lines for _, y in line.points]
    if chart.y.scale == "log":
        return min(values) / _HEADROOM, max(values) * _HEADROOM
    return 0, max(values) * _HEADROOM


_CONFIG: Final = {
    "background": "#ffffff",
    "font": _FONT,
    "padding": 16,
    "view": {"stroke": None},
    "axis": {
        "domainColor": _PALE,
        "gridColor": _GRID,
        "labelColor": _INK,
        "labelFontSize": 12,
        "labelFlush": False,
        "labelOverlap": True,
        "tickColor": _PALE,
        "titleColor": _INK,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
        "titlePadding": 12,
    },
    "line": {"strokeWidth": 2.2, "strokeJoin": "round"},
    "text": {"fontSize": 13, "baseline": "middle"},
    "title": {
        "anchor": "start",
        "color": _INK,
        "fontSize": 17,
        "offset": 16,
        "subtitleColor": _PALE,
        "subtitleFontSize": 11.5,
        "subtitleLineHeight": 16,
        "subtitlePadding": 6,
    },
}
