# SPDX-License-Identifier: Apache-2.0
"""The lists that ``kagimori tokens`` prints, line by line: a million lines need no memory."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import typer
from rich.cells import cell_len

from kagimori.application.inventory.exchange import OVERDUE
from kagimori.cli.screen import visible
from kagimori.cli.token_words import coloured, day, profile, step_time

if TYPE_CHECKING:
    from kagimori.application.inventory.drift import Drifting
    from kagimori.application.inventory.exchange import Due
    from kagimori.application.inventory.shelf_ports import Shelved, Wanted
    from kagimori.bootstrap.shelf import ShelfDesk
    from kagimori.domain.tenant import TenantPolicy

_GAP: Final = "  "

_ALL: Final = (
    "serial", "state", "customer", "kind", "factor", "hash", "digits", "period", "custody",
    "key_version", "last_step", "drift", "failures", "day", "day_failures", "unlock_failures",
    "not_before", "not_after", "manufacturer", "model", "battery_since", "delivery",
)  # fmt: skip

_Column = tuple[str, int]
_LIST: Final[Sequence[_Column]] = (
    ("serial", 16), ("state", 9), ("customer", 8), ("codes", 14), ("custody", 16), ("drift", 5),
    ("valid until", 11),
)  # fmt: skip
_DUE: Final[Sequence[_Column]] = (
    ("due", 10), ("why", 8), ("serial", 16), ("state", 9), ("customer", 8), ("device", 30),
)  # fmt: skip
_DRIFTING: Final[Sequence[_Column]] = (
    ("serial", 16), ("state", 9), ("customer", 8), ("codes", 14), ("drift", 6), ("room", 5),
    ("last code", 16),
)  # fmt: skip


def print_list(desk: ShelfDesk, wanted: Wanted, limit: int | None, *, as_csv: bool) -> None:
    """Print what is wanted, and how many that were."""
    zone = desk.policy.zone
    found = ((page.now, token) for page in desk.pages(wanted) for token in page.tokens)
    some = islice(found, limit)
    if as_csv:
        _print_csv(_ALL, (_all(token, now) for now, token in some))
        return
    count = _print_table(_LIST, (_listed(token, now, zone) for now, token in some))
    typer.echo(
        f"tokens: {count}" + (f", and there may be more than {limit}" if count == limit else "")
    )


def print_due(
    now: datetime, counted: Mapping[tuple[bool, str], int], dues: Iterable[Due], *, as_csv: bool
) -> None:
    """Print what is to be exchanged, and the sum of each month."""
    if as_csv:
        lines = ((f"{due.on}", due.why.value, *_all(due.token, now)) for due in dues)
        _print_csv(("due", "why", *_ALL), lines)
        return
    _print_table(_DUE, (_due(due, now) for due in dues))
    typer.echo("")
    months = sorted({month for _, month in counted})
    sums: Sequence[_Column] = (("to exchange in", 14), ("customers have", 14), ("others", 8))
    lines = (
        (month if month != OVERDUE else "overdue", *(f"{counted.get((has, month), 0):,}"
         for has in (True, False)))
        for month in months
    )  # fmt: skip
    _print_table(sums, lines)
    typer.echo(f"tokens: {sum(counted.values()):,} to exchange")


def print_drifting(
    policy: TenantPolicy, now: datetime, tokens: Iterable[Drifting], *, as_csv: bool
) -> None:
    """Print clocks that are near the edge, or beyond: there the room is below nothing."""
    if as_csv:
        _print_csv(("room", *_ALL), ((f"{one.room}", *_all(one.token, now)) for one in tokens))
        return
    lines = (_drifting(one, now, policy.zone) for one in tokens)
    count = _print_table(_DRIFTING, lines)
    typer.echo(f"tokens: {count} near the edge of {policy.windows.max_drift} steps")


def _listed(token: Shelved, now: datetime, zone: ZoneInfo) -> tuple[str, ...]:
    until = day(token.validity.not_after, zone)
    drift = f"{token.drift:+}" if token.drift else ""
    return (*_named(token, now), profile(token.profile), token.custody, drift, until)


def _due(due: Due, now: datetime) -> tuple[str, ...]:
    device = due.token.device
    return f"{due.on}", due.why, *_named(due.token, now), f"{device.manufacturer} {device.model}"


def _drifting(one: Drifting, now: datetime, zone: ZoneInfo) -> tuple[str, ...]:
    token = one.token
    last = step_time(token, zone)
    return (*_named(token, now), profile(token.profile), f"{token.drift:+}", f"{one.room}", last)


def _named(token: Shelved, now: datetime) -> tuple[str, str, str]:
    return token.serial, token.called(now), "yes" if token.is_bound else ""


def _all(token: Shelved, now: datetime) -> tuple[str, ...]:
    codes, spent, device = token.profile, token.spent, token.device
    values = (
        token.serial, token.called(now), "yes" if token.is_bound else "no", token.kind.value,
        codes.factor.value, codes.hash.value, codes.digits, codes.period, token.custody.value,
        token.key_version, token.last_step, token.drift, spent.failures, spent.day,
        spent.day_failures, spent.unlock_failures, _iso(token.validity.not_before),
        _iso(token.validity.not_after), device.manufacturer, device.model, device.since,
        token.delivery_id,
    )  # fmt: skip
    return tuple("" if value is None else str(value) for value in values)


def _iso(time: datetime | None) -> str:
    return "" if time is None else time.isoformat()


def _print_csv(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows(lines)


def _print_table(columns: Sequence[_Column], lines: Iterable[Sequence[str]]) -> int:
    """Print ``lines`` under their headings; return how many there were.

    The columns are as wide as they are: to fit them would take all lines at once.
    """
    for heading in ([name for name, _ in columns], ["─" * width for _, width in columns]):
        typer.secho(_line(columns, heading), bold=True)
    count = 0
    for count, line in enumerate(lines, start=1):  # noqa: B007 - the count is returned
        typer.echo(_line(columns, line))
    return count


def _line(columns: Sequence[_Column], cells: Sequence[str]) -> str:
    fitted = (
        coloured(cell, _fitted(cell, width)) if name == "state" else _fitted(visible(cell), width)
        for (name, width), cell in zip(columns, cells, strict=True)
    )
    return _GAP.join(fitted).rstrip()


def _fitted(text: str, width: int) -> str:
    """Return ``text`` as wide as its column; one that is wider keeps its own width."""
    return text + " " * (width - cell_len(text))
