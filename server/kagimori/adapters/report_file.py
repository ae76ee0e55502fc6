# SPDX-License-Identifier: Apache-2.0
"""An import's report as a CSV file: a line for each serial, as it is known."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from kagimori.application.deliveries.report import Line

HEADINGS: Final = ("serial", "line", "result", "custody", "reason", "detail")

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute."""


class ReportFile:
    """Takes the lines of a report."""

    def __init__(self, stream: TextIO) -> None:
        """Write to ``stream``, which can be cut off at its beginning."""
        self._stream = stream
        self._writer = csv.writer(stream)

    def restart(self) -> None:
        """Begin the file anew."""
        self._stream.seek(0)
        self._stream.truncate()
        self._writer.writerow(HEADINGS)

    def tell(self, lines: Sequence[Line], position: int) -> None:
        """Write ``lines``."""
        del position
        self._writer.writerows(map(_cells, lines))


@contextmanager
def report_file(path: Path) -> Iterator[ReportFile]:
    """Write beside ``path``, which gets its name when all is told.

    Raises `OSError`. A report that was begun and not finished stays under ``….part``.
    """
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("w", encoding="utf-8", newline="") as stream:
        try:
            yield ReportFile(stream)
        except BaseException:
            if not stream.tell():
                unfinished.unlink()
            raise
    unfinished.replace(path)


def _cells(line: Line) -> tuple[str, ...]:
    where = str(line.line) if line.line else ""
    cells = (line.serial, where, line.result, line.custody, line.reason, line.detail)
    # A serial that was refused for its form may be anything.
    return tuple(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells)
