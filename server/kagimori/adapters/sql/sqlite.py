# SPDX-License-Identifier: Apache-2.0
"""One durable write transaction at a time on an SQLite file.

A process has one connection and a lock around it; other processes (the
importer beside the server) take turns through SQLite's own write lock.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson

from kagimori.adapters.sql.database import (
    NOT_KNOWN,
    ConstraintViolated,
    DatabaseRefused,
    Row,
    Value,
    unavailable,
)
from kagimori.adapters.sql.dialect import Statement

BUSY_SECONDS: Final = 2.0
"""How long to wait for another process's short transaction."""

_CLOSING_SECONDS: Final = 0.01

# Milliseconds are what SQLite's clock has; rounding undoes the day fraction's.
_NOW: Final = "SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000"
_FULL: Final = 2

# Writes page 1 and means nothing: a full disk shows here.
_PING: Final = "PRAGMA user_version = 0"


@dataclass(frozen=True, slots=True)
class SqliteTransaction:
    """See `Transaction`."""

    connection: sqlite3.Connection
    now: int

    def run(self, statement: Statement, values: Mapping[str, Value]) -> list[Row]:
        """See `Transaction.run`."""
        if statement.reread is not None:
            return self._run_and_reread(statement, statement.reread, values)
        # A statement left half-read would keep the commit from happening.
        return self.connection.execute(statement.sqlite, values).fetchall()

    def _run_and_reread(
        self, statement: Statement, reread: str, values: Mapping[str, Value]
    ) -> list[Row]:
        values = {**values, "mark": uuid4().bytes}
        self.connection.execute(statement.sqlite, values)
        ((written, text),) = self.connection.execute(reread, values).fetchall()
        rows: list[list[Any]] = orjson.loads(text)
        if len(rows) != written:
            raise LookupError(f"{written} rows were written and {len(rows)} found again")
        for place in statement.binary:
            for row in rows:
                row[place] = bytes.fromhex(row[place])
        return [tuple(row) for row in rows]


class SqliteDatabase:
    """An SQLite file that forgets nothing it has confirmed."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Take a configured connection; see `open`."""
        self._path = path
        self._connection: sqlite3.Connection | None = connection
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> SqliteDatabase:
        """Open an existing file, or raise `DatabaseRefused`."""
        try:
            return cls(path, _connect(path))
        except sqlite3.Error as error:
            raise DatabaseRefused(f"cannot open {path}: {error}") from None

    @contextmanager
    def transaction(self) -> Iterator[SqliteTransaction]:
        """See `Database.transaction`."""
        with self._lock:
            begun = self._begin()
            try:
                yield begun
            except sqlite3.IntegrityError as error:
                begun.connection.rollback()
                raise ConstraintViolated(str(error)) from error
            except sqlite3.Error as error:
                self._give_up()
                raise unavailable("the database failed; nothing was changed") from error
            except BaseException:
                begun.connection.rollback()
                raise
            self._commit(begun.connection)

    def ping(self) -> None:
        """See `Database.ping`."""
        with self.transaction() as transaction:
            transaction.connection.execute(_PING)

    def close(self) -> None:
        """See `Database.close`."""
        with self._lock:
            self._give_up()

    def _begin(self) -> SqliteTransaction:
        try:
            if self._connection is None:
                self._connection = _connect(self._path)
            self._connection.execute("BEGIN IMMEDIATE")
            now = self._connection.execute(_NOW).fetchone()[0]
            return SqliteTransaction(self._connection, now)
        except (sqlite3.Error, DatabaseRefused) as error:
            self._give_up()
            raise unavailable("the database cannot be written; nothing was changed") from error

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            # The write-ahead log may hold the commit all the same: whoever
            # opens the file next finds out, and so does the same request_id.
            self._give_up()
            raise unavailable(NOT_KNOWN) from error

    def _give_up(self) -> None:
        """Drop the connection: the next call starts from what is on the disk."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def require_durable(connection: sqlite3.Connection) -> None:
    """Raise `DatabaseRefused` unless a commit survives a loss of power."""
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    if journal != "wal":
        raise DatabaseRefused(f"journal_mode must be WAL, the database insists on {journal}")
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    if synchronous < _FULL:
        raise DatabaseRefused("synchronous must be FULL: confirmed codes would be forgotten")


def _connect(path: Path) -> sqlite3.Connection:
    """Connect, waiting for a process that is just closing the file.

    The last one to close takes the write-ahead log away under a lock for which
    SQLite's own busy timeout does not wait.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return _connect_once(path)
        except sqlite3.OperationalError as error:
            # The low octet is the primary code; the rest says which lock it was.
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
        time.sleep(_CLOSING_SECONDS)


def _connect_once(path: Path) -> sqlite3.Connection:
    # mode=rw: a missing file is an error, never a new and empty memory.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        require_durable(connection)
    except BaseException:
        connection.close()
        raise
    return connection
