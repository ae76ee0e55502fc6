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
from typing import Final

from sqlalchemy.engine import make_url

from kagimori.domain.errors import StoreUnavailable

BUSY_SECONDS: Final = 2.0
"""How long to wait for another process's short transaction."""

_CLOSING_SECONDS: Final = 0.01

RETRY_AFTER: Final = 0.5
"""Seconds after which a database that failed is worth asking again."""

# Milliseconds are what SQLite's clock has; rounding undoes the day fraction's.
_NOW: Final = "SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000"
_FULL: Final = 2

Value = str | int | bytes | None


class DatabaseRefused(Exception):
    """The database cannot keep a promise: the process must not start."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A write transaction under way. ``now`` is the database's clock at its begin."""

    connection: sqlite3.Connection
    now: int

    def run(self, statement: str, values: Mapping[str, Value]) -> list[sqlite3.Row]:
        """Run one statement; return the rows it selects or RETURNs, all of them."""
        # A statement left half-read would keep the commit from happening.
        return self.connection.execute(statement, values).fetchall()

    def one(self, statement: str, values: Mapping[str, Value]) -> sqlite3.Row | None:
        """Run one statement about at most one row."""
        rows = self.run(statement, values)
        return rows[0] if rows else None


class Database:
    """An SQLite file that forgets nothing it has confirmed."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Take a configured connection; see `open`."""
        self._path = path
        self._connection: sqlite3.Connection | None = connection
        self._lock = threading.Lock()

    @classmethod
    def open(cls, url: str) -> Database:
        """Open the existing file of ``sqlite:///…``, or raise `DatabaseRefused`."""
        path = sqlite_path(url)
        try:
            return cls(path, _connect(path))
        except sqlite3.Error as error:
            raise DatabaseRefused(f"cannot open {path}: {error}") from None

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Run a write transaction; it is durable when the block has been left.

        Raises `StoreUnavailable` if SQLite fails. An error of the block itself
        undoes it and goes on its way.
        """
        with self._lock:
            begun = self._begin()
            try:
                yield begun
            except sqlite3.IntegrityError:
                begun.connection.rollback()
                raise
            except sqlite3.Error as error:
                self._give_up()
                raise _unavailable("the database failed; nothing was changed") from error
            except BaseException:
                begun.connection.rollback()
                raise
            self._commit(begun.connection)

    def ping(self) -> None:
        """Return if a write becomes durable; else raise `StoreUnavailable`."""
        with self.transaction() as transaction:
            # Writes page 1 and means nothing: a full disk shows here.
            transaction.run("PRAGMA user_version = 0", {})

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with self._lock:
            self._give_up()

    def _begin(self) -> Transaction:
        try:
            if self._connection is None:
                self._connection = _connect(self._path)
            self._connection.execute("BEGIN IMMEDIATE")
            return Transaction(self._connection, self._connection.execute(_NOW).fetchone()[0])
        except (sqlite3.Error, DatabaseRefused) as error:
            self._give_up()
            raise _unavailable("the database cannot be written; nothing was changed") from error

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            # The write-ahead log may hold the commit all the same: whoever
            # opens the file next finds out, and so does the same request_id.
            self._give_up()
            raise _unavailable("it is not known whether the commit happened") from error

    def _give_up(self) -> None:
        """Drop the connection: the next call starts from what is on the disk."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def sqlite_path(url: str) -> Path:
    """Return the file of an ``sqlite:///…`` URL, or raise `DatabaseRefused`."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise DatabaseRefused("the database URL must be sqlite:///<path of a file>")
    return Path(parsed.database)


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
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        require_durable(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _unavailable(message: str) -> StoreUnavailable:
    return StoreUnavailable(message, RETRY_AFTER)
