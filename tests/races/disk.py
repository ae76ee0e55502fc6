# SPDX-License-Identifier: Apache-2.0
"""A disk that fails on demand, under an SQLite file (``faulty_disk.rs``)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from races.death import Death

_SOURCE = Path(__file__).with_name("faulty_disk.rs")


class FaultyDisk:
    """A library to preload, and the file that steers it; both in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._library = directory / "libfaulty_disk.so"
        self._control = directory / "disk.control"
        build = ["rustc", "--edition", "2024", "--crate-type", "cdylib", "-O"]
        subprocess.run([*build, "-o", str(self._library), str(_SOURCE)], check=True)

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that a process under test needs."""
        return {
            "LD_PRELOAD": str(self._library),
            "KAGIMORI_DISK_CONTROL": str(self._control),
        }

    @contextmanager
    def commits_unknown(self) -> Iterator[None]:
        """Let commits reach the log, but answer that they may not last."""
        with self._failing("fdatasync"):
            yield

    @contextmanager
    def commits_lost(self) -> Iterator[None]:
        """Let no commit reach the log: the disk is full."""
        with self._failing("pwrite64"):
            yield

    @contextmanager
    def killing(self, writes: int) -> Iterator[Death]:
        """End the process right after so many more calls by which commits are made."""
        death = Death()
        self._control.write_text(f"kill {writes} pwrite64 fdatasync")
        try:
            yield death
        finally:
            left = self._control.read_text().split() if self._control.exists() else []
            self._control.unlink(missing_ok=True)
            death.came = not left
            death.writes = writes - (int(left[1]) if left else 0)

    @contextmanager
    def _failing(self, function: str) -> Iterator[None]:
        self._control.write_text(function)
        try:
            yield
        finally:
            self._control.unlink()
