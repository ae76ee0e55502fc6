# SPDX-License-Identifier: Apache-2.0
"""A migrated SQLite database of a test's own, and a look behind the ports."""

from __future__ import annotations

import functools
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from kagimori.adapters.sql import migrations
from kagimori.adapters.sql.connection import Database


class TestDatabase:
    """One file; any number of stores may be opened on it."""

    __test__ = False

    def __init__(self, directory: Path) -> None:
        self.path = directory / "kagimori.db"
        self._opened: list[Database] = []
        self.path.write_bytes(_migrated())

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def open(self) -> Database:
        """Open the file as a process that starts now would."""
        database = Database.open(self.url)
        self._opened.append(database)
        return database

    def close(self) -> None:
        for database in self._opened:
            database.close()

    def run(self, statement: str, *values: str | int | None) -> list[sqlite3.Row]:
        """Do to the rows what time, or somebody with write access, would do."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(statement, values).fetchall()


@functools.cache
def _migrated() -> bytes:
    """Return a migrated file: migrating once a run is enough."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "empty.db"
        migrations.upgrade(f"sqlite:///{path}")
        return path.read_bytes()
