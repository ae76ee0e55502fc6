# SPDX-License-Identifier: Apache-2.0
"""What ``kagimori import-tokens`` shows: how far it is, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from kagimori.application.deliveries.report import TAKEN, Ending, Line, Result, Sink, Summary
from kagimori.application.deliveries.vendor_file import VendorFile

ALL, NOTHING, SOME_LEFT_OUT, BROKE_OFF = 0, 1, 3, 4
"""Exit codes; 2 is wrong usage."""

MOST_ROWS: Final = 50
"""Tokens of an import that is shown whole."""
MOST_LEFT_OUT: Final = 20
"""Tokens that were not imported and are shown of a larger one."""

_EVERY: Final = 10.0
"""Seconds between two lines on a pipe."""

HINTS: Final = {
    "HOST_TRANSIENT_NOT_ALLOWED": "--allow-host-transient would open it in locked memory",
    "CLEAR_TEXT_NOT_ALLOWED": "--allow-clear-text would take it, known to others as it may be",
}
"""What could be done about a reason."""


class Shown:
    """Shows an import and passes its lines on; it keeps no more of them than it shows."""

    def __init__(self, sinks: Sequence[Sink], progress: Progress | None) -> None:
        """``progress`` is None where nobody looks."""
        self._sinks = sinks
        self._progress = progress
        self._size = 0
        self._forget()

    @classmethod
    @contextmanager
    def on_terminal(cls, sinks: Sequence[Sink]) -> Iterator[Shown]:
        """Show on standard error, with a bar if that is a terminal."""
        console = Console(stderr=True)
        if not console.is_terminal:
            yield cls(sinks, None)
            return
        progress = Progress(*_columns(), console=console, transient=True)
        try:
            yield cls(sinks, progress)
        finally:
            progress.stop()

    def begin(self, file: VendorFile) -> None:
        """Take how large the file is."""
        self._size = file.size
        if self._progress is not None:
            self._task = self._progress.add_task("import", total=file.size, rate=0, tokens=0)

    def restart(self) -> None:
        """See `Sink.restart`."""
        self._forget()
        for sink in self._sinks:
            sink.restart()
        # Not before: a PIN or a password may be asked for on the same terminal.
        if self._progress is not None:
            self._progress.start()

    def tell(self, lines: Sequence[Line], position: int) -> None:
        """See `Sink.tell`."""
        for sink in self._sinks:
            sink.tell(lines, position)
        self._tokens += len(lines)
        self._rows.extend(lines[: MOST_ROWS + 1 - len(self._rows)])
        left_out = [line for line in lines if line.result not in TAKEN]
        self._left_out.extend(left_out[: max(0, MOST_LEFT_OUT - len(self._left_out))])
        self._hints.update(line.reason for line in left_out if line.reason in HINTS)
        self._show(position)

    def conclude(self, summary: Summary, file: Path) -> int:
        """Print the sum; return the exit code."""
        out = Console(markup=False, highlight=False)
        if self._tokens <= MOST_ROWS:
            out.print(_table_of(self._rows))
        else:
            out.print(_sums_of(summary, self._rate()))
            if self._left_out:
                out.print(_table_of(self._left_out, "the first that were left out"))
        for reason in sorted(self._hints):
            typer.echo(f"import: {HINTS[reason]}")
        typer.echo(f"import: delivery {summary.digest.hex()}")
        for sentence in _ending_of(summary, file):
            typer.echo(f"kagimori: {sentence}", err=True)
        typer.echo(f"import: {_counts_of(summary)}")
        return exit_code_of(summary)

    def _forget(self) -> None:
        self._tokens = 0
        self._begun = self._told = time.monotonic()
        self._rows: list[Line] = []
        self._left_out: list[Line] = []
        self._hints: set[str] = set()

    def _rate(self) -> float:
        return self._tokens / max(time.monotonic() - self._begun, 1e-6)

    def _show(self, position: int) -> None:
        rate = f"{self._rate():,.0f}"
        if self._progress is not None:
            self._progress.update(
                self._task, completed=position, rate=rate, tokens=f"{self._tokens:,}"
            )
        elif time.monotonic() - self._told > _EVERY:
            self._told = time.monotonic()
            done = 100 * position // max(self._size, 1)
            typer.echo(f"import: {done} %, {self._tokens:,} tokens, {rate} a second", err=True)


def exit_code_of(summary: Summary) -> int:
    """Return what the command tells a script."""
    if summary.is_held_back or summary.taken <= 0:
        return NOTHING
    if summary.ending is not Ending.COMPLETE:
        return BROKE_OFF
    return SOME_LEFT_OUT if summary.left_out else ALL


def _columns() -> tuple[TextColumn | BarColumn | TaskProgressColumn | TimeRemainingColumn, ...]:
    return (
        TextColumn("import"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[tokens]} tokens, {task.fields[rate]}/s"),
        TimeRemainingColumn(),
    )


def _table_of(lines: Sequence[Line], title: str | None = None) -> Table:
    table = Table(title=title)
    for heading, whole in (("serial", True), ("result", True), ("custody, or why not", False)):
        table.add_column(heading, no_wrap=whole)
    for line in lines:
        table.add_row(line.serial or f"line {line.line}", line.result, _note_of(line))
    return table


def _note_of(line: Line) -> str:
    if line.result in TAKEN:
        return ", ".join(word for word in (line.custody, line.detail) if word)
    return ": ".join(word for word in (line.reason, line.detail) if word)


def _sums_of(summary: Summary, rate: float) -> Table:
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    for result in Result:
        if count := summary.results[result]:
            table.add_row(result, f"{count:,}")
    table.add_section()
    for label, count in sorted(summary.custody.items()):
        table.add_row(label, f"{count:,}")
    # Their seeds were not opened this time: no label was seen.
    if earlier := sum(summary.results[result] for result in TAKEN) - summary.custody.total():
        table.add_row("by an earlier run", f"{earlier:,}")
    table.add_section()
    table.add_row("tokens a second", f"{rate:,.0f}")
    return table


def _ending_of(summary: Summary, file: Path) -> Iterator[str]:
    if summary.ending is Ending.BROKE_OFF:
        yield f"{file}: {summary.trouble}"
    elif summary.ending is Ending.FAILED:
        yield "; ".join([str(summary.trouble), *getattr(summary.trouble, "__notes__", ())])
    if summary.is_held_back:
        yield "not all of it can be imported: nothing was (--all-or-nothing)"
    elif summary.ending is Ending.BROKE_OFF:
        yield "what comes before that line " + ("could be" if summary.dry_run else "is imported")
    elif summary.ending is not Ending.COMPLETE:
        yield "what is reported stands; run it again to go on"


def _counts_of(summary: Summary) -> str:
    results = summary.results
    taken = "importable" if summary.dry_run and not summary.is_held_back else "imported"
    counts = [
        f"{0 if summary.is_held_back else summary.taken} {taken}",
        f"{results[Result.DUPLICATE]} duplicates",
        f"{results[Result.REFUSED]} refused",
    ]
    for result, word in ((Result.CONDEMNED, "condemned"), (Result.NOT_IN_FILE, "not in the file")):
        if results[result]:
            counts.append(f"{results[result]} {word}")
    return ", ".join(counts)
