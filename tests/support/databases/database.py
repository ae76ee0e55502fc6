# SPDX-License-Identifier: Apache-2.0
"""Migrated databases of a test's own, and a look behind the ports."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader

from kagimori import core
from kagimori.adapters.sql import migrations
from kagimori.adapters.sql.connection import open_database
from kagimori.adapters.sql.database import Database
from support.databases.postgres import Cluster

Value = str | int | None


class AnyDatabase(Protocol):
    """One database; any number of stores may be opened on it."""

    @property
    def url(self) -> str: ...

    def open(self) -> Database:
        """Open it as a process that starts now would."""
        ...

    def close(self) -> None: ...

    def run(self, statement: str, *values: Value) -> Sequence[Any]:
        """Do to the rows what time, or somebody with write access, would do.

        Rows that come back give their columns by name.
        """
        ...


class _Opened:
    """Remembers what a test opened, to close it."""

    def __init__(self) -> None:
        self._opened: list[Database] = []

    @property
    def url(self) -> str:
        raise NotImplementedError

    def open(self) -> Database:
        database = open_database(self.url)
        self._opened.append(database)
        return database

    def close(self) -> None:
        for database in self._opened:
            database.close()


class TestDatabase(_Opened):
    """An SQLite file."""

    __test__ = False

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.path = directory / "kagimori.db"
        self.path.write_bytes(_migrated())

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def run(self, statement: str, *values: Value) -> list[dict[str, Any]]:
        # Not by Python's sqlite3: a store of this process may have the file open.
        with closing(core.SqliteConnection.open(self.path, 10.0)) as connection:
            rows = connection.run(statement, values)
            return [dict(zip(_columns(connection, statement), row, strict=True)) for row in rows]


class PostgresqlTestDatabase(_Opened):
    """A database of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self._cluster = cluster
        self._url = cluster.lend_database()

    @property
    def url(self) -> str:
        return self._url

    def close(self) -> None:
        super().close()
        self._cluster.take_back(self._url)

    def run(self, statement: str, *values: Value) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            for kind in ("uuid", "date"):
                connection.adapters.register_loader(kind, TextLoader)
            cursor = connection.execute(statement.replace("?", "%s").encode(), values)
            return cursor.fetchall() if cursor.description else []


def _columns(connection: core.SqliteConnection, statement: str) -> list[str]:
    connection.run("DROP VIEW IF EXISTS asked")
    connection.run(f"CREATE TEMP VIEW asked AS {statement}")
    return [name for (_, name, *_) in connection.run("PRAGMA table_info(asked)")]


@functools.cache
def _migrated() -> bytes:
    """Return a migrated file: migrating once a run is enough."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "empty.db"
        migrations.upgrade(f"sqlite:///{path}")
        return path.read_bytes()
