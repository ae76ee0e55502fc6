# SPDX-License-Identifier: Apache-2.0
"""What ``kagimori tenants`` prints."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kagimori.application.administration.tenants import (
    Plan,
    Setting,
    Standing,
    TenantDiff,
    TenantRow,
    settings_of,
)
from kagimori.cli.screen import visible

_MARKS: Final = {
    Standing.ADDED: ("+", "green"),
    Standing.CHANGED: ("~", "yellow"),
    Standing.UNCHANGED: ("=", ""),
    Standing.LEFT: ("?", "cyan"),
}
_OPERATIONS: Final = ("LOGIN", "TRANSFER", "BILL_PAYMENT")


def print_plan(plan: Plan) -> None:
    """Print what would become of each tenant, rule by rule, and the count."""
    console = _console()
    for diff in plan.diffs:
        _print_diff(console, diff)
    counts = ", ".join(f"{plan.count(standing)} {standing}" for standing in Standing)
    console.print(f"tenants: {counts}", soft_wrap=True)


def print_rows(rows: Sequence[TenantRow]) -> None:
    """Print the tenants in force as a table, with the rules that are asked for most."""
    table = Table(box=box.SIMPLE, leading=1)
    for heading in ("tenant", "bank", "codes", "asked for", "wrong codes"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(visible, _cells(row)))
    _console().print(table)


def _cells(row: TenantRow) -> list[str]:
    rules = settings_of(row.text)

    def rule(key: str) -> str:
        return rules.get(key, "?")

    codes = [f"{rule('tokens.digits')} digits", f"{rule('tokens.period')} s", rule("tokens.hash")]
    asked = [f"{name} {rule(f'operations.{name}')}" for name in _OPERATIONS]
    limits = [
        f"{rule('limits.consecutive')} in a row",
        f"{rule('limits.daily')} a day",
        f"{rule('limits.since_unlock')} in all",
    ]
    return [
        f"{row.name}\n{row.service_id}\ngeneration {row.generation}",
        f"{rules.get('issuer', '')}\n{rules.get('mail.sender', 'no letters')}",
        "\n".join(codes),
        "\n".join(asked),
        "\n".join(limits),
    ]


def _print_diff(console: Console, diff: TenantDiff) -> None:
    mark, style = _MARKS[diff.standing]
    what = "not in the file: stays as it is" if diff.standing is Standing.LEFT else diff.standing
    title = f"{mark} {diff.name} ({diff.service_id}): {what}"
    console.print(Text(visible(title), style=style), soft_wrap=True)
    for setting in diff.settings:
        _print_setting(console, setting)
    for odds in diff.odds:
        console.print(Text(f"    {odds}", style="dim"), soft_wrap=True)


def _print_setting(console: Console, setting: Setting) -> None:
    old, new = setting.old, setting.new
    if "\n" in f"{old}{new}":
        console.print(Text(f"    {visible(setting.key)}:"), soft_wrap=True)
        for line in _changed_lines(old or "", new or ""):
            style = {"+": "green", "-": "red"}.get(line[:1], "")
            console.print(Text(f"      {visible(line)}", style=style), soft_wrap=True)
        return
    words = _words(new) if old is None else f"{_words(old)} -> {_words(new)}"
    console.print(Text(f"    {visible(setting.key)}: {words}"), soft_wrap=True)


def _changed_lines(old: str, new: str) -> Iterable[str]:
    """Return the lines of a text that differ, with one around them."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _words(value: str | None) -> str:
    if value is None:
        return "not set"
    return visible(value) or '""'


def _console() -> Console:
    return Console(markup=False, highlight=False, emoji=False)
