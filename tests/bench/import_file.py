# SPDX-License-Identifier: Apache-2.0
"""Imports a vendor's file as ``kagimori import-tokens`` does, in a process of its own.

``python -m bench.import_file CONFIG FILE VENDOR COUNT`` expects the file to bring
COUNT tokens. It prints how many per second it took, from the first that is read
until the last is stored, and the most memory that it had (KiB).
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from kagimori.adapters.pskc.file import ReadOptions
from kagimori.application.deliveries.report import Line
from kagimori.processes.import_tokens import Allowed, ImportRequest, run
from support.served.authority import TENANT


class _Watch:
    """A `Sink` that looks at the clock."""

    def restart(self) -> None:
        self.begun = self.told = time.perf_counter()

    def tell(self, lines: Sequence[Line], position: int) -> None:
        del lines, position
        self.told = time.perf_counter()


def main(config: Path, file: Path, vendor: str, count: int) -> None:
    """Import, and print the two figures."""
    request = ImportRequest(
        file, config, TENANT, ReadOptions(vendor), str, allowed=Allowed(host_transient=True)
    )
    watch = _Watch()
    summary = run(request, watch, lambda _file: None)
    assert summary.taken == count, summary
    sys.stdout.write(f"{count / (watch.told - watch.begun)} {_most_memory()}\n")


def _most_memory() -> int:
    """Return how much of it was ever resident, in KiB.

    Not by getrusage: what the parent had is counted there, too, until exec.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found
    return int(found[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
