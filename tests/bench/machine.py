# SPDX-License-Identifier: Apache-2.0
"""What a figure was measured on, for people."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import grpc

from kagimori import core


def described() -> list[str]:
    """Return a line about the machine with the date, and one about the versions."""
    today = datetime.now(UTC).date()
    versions = {
        "Python": platform.python_version(),
        "grpcio": grpc.__version__,
        "SQLite": _sqlite(),
        "PostgreSQL": _version_of(_newest_postgres()),
        "SoftHSM": _version_of("softhsm2-util"),
    }
    return [
        f"{_processor()}, {os.cpu_count()} cores, Linux {platform.release()} · {today}",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]


def _processor() -> str:
    """Return the processor's name without its trade marks."""
    named = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return re.sub(r"\((R|TM)\)", "", named[1]) if named else platform.machine()


def _sqlite() -> str:
    """Return the version that is compiled in, which is not Python's."""
    with closing(core.SqliteConnection.open(Path(":memory:"), 1.0)) as connection:
        return str(connection.run("SELECT sqlite_version()")[0][0])


def _version_of(program: str | Path) -> str:
    told = subprocess.run([program, "--version"], check=True, text=True, stdout=subprocess.PIPE)
    found = re.search(r"\d+(\.\d+)+", told.stdout)
    return found[0] if found else told.stdout.strip()


def _newest_postgres() -> Path:
    return max(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
