# SPDX-License-Identifier: Apache-2.0
"""The findings as tables that fit a page: what was tried, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from kagimori.custody.checks.trial import WORKED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from kagimori.custody.checks.trial import Finding

# Together with the last column and the gaps: 80.
_WIDEST_ATTEMPT = 39
_WIDEST_NAME = len("CKR_KEY_FUNCTION_NOT_PERMITTED")


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print one table per kind of key, in the order in which kinds were tried."""
    for kind in dict.fromkeys(finding.kind for finding in findings):
        console.print(_table(kind, [f for f in findings if f.kind == kind]))


def _table(kind: str, findings: Sequence[Finding]) -> Table:
    owners = list(dict.fromkeys(finding.key for finding in findings))
    table = Table(title=f"{kind}\nof {', '.join(owners)}", title_justify="left")
    table.box, table.padding, table.pad_edge = box.SIMPLE_HEAD, (0, 1), False
    table.add_column("tried", min_width=_WIDEST_ATTEMPT)
    table.add_column("the HSM's answer", min_width=_WIDEST_NAME)
    table.add_column("keys", min_width=len("keys"), no_wrap=True)
    must_work = [finding for finding in findings if finding.wanted == WORKED]
    must_fail = [finding for finding in findings if finding.wanted != WORKED]
    for heading, group in (("must work", must_work), ("must be refused", must_fail)):
        table.add_row(f"[bold]{heading}[/]")
        _add_rows(table, group, len(owners))
        table.add_section()
    return table


def _add_rows(table: Table, findings: Sequence[Finding], owners: int) -> None:
    for attempt in dict.fromkeys(finding.attempt for finding in findings):
        same = [finding for finding in findings if finding.attempt == attempt]
        for answer in dict.fromkeys(finding.answer for finding in same):
            given = [finding for finding in same if finding.answer == answer]
            table.add_row(f"  {attempt}", _answer(given), f"{len(given)}/{owners}")


def _answer(given: Sequence[Finding]) -> str:
    first = given[0]
    if first.passed:
        return escape(first.answer)
    keys = ", ".join(finding.key for finding in given)
    return f"[bold red]WRONG: {escape(first.answer)}[/] (wanted {first.wanted}) on {keys}"
