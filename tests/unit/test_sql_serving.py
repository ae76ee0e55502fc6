# SPDX-License-Identifier: Apache-2.0
"""SQLite has one serving process, and says so to the second."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kagimori.adapters.sql.database import DatabaseRefused
from kagimori.adapters.sql.serving import serving_turn
from support.databases.database import TestDatabase
from support.waiting import ping

HOLD = """
import sys
from kagimori.adapters.sql.serving import serving_turn
with serving_turn(sys.argv[1]):
    print("serving", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    database = TestDatabase(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, database.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "serving\n"
        with (
            pytest.raises(DatabaseRefused, match="SQLite has one serving process"),
            serving_turn(database.url),
        ):
            pass
        first.kill()
    with serving_turn(database.url):
        # Whoever imports meanwhile opens the file as always.
        ping(database.open())
    database.close()


def test_a_place_without_room_for_the_guard_is_refused() -> None:
    with (
        pytest.raises(DatabaseRefused, match="cannot use"),
        serving_turn("sqlite:////proc/none/kagimori.db"),
    ):
        pass


def test_postgresql_has_as_many_as_come() -> None:
    with serving_turn("postgresql://host/database"), serving_turn("postgresql://host/database"):
        pass
