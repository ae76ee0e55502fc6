# SPDX-License-Identifier: Apache-2.0
"""One durable write transaction at a time on an SQLite file.

A process has one connection and a lock around it; other processes (the
importer beside the server) take turns through SQLite's own write lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kagimori import core
from kagimori.adapters.sql.database import (
    NOT_KNOWN,
    Asked,
    Batch,
    ConstraintViolated,
    DatabaseRefused,
    Row,
    Value,
    unavailable,
)
from kagimori.adapters.sql.dialect import statement

BUSY_SECONDS: Final = 2.0
"""How long to wait for another process's short transaction."""

_CLOSING_SECONDS: Final = 0.01

_FULL: Final = 2

_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    # Kibibytes: the pages that a busy hour touches, of a million tokens.
    "cache_size = -65536",
    "wal_autocheckpoint = 16000",
)

# Writes page 1 and means nothing: a full disk shows here.
_PING: Final = Asked(statement("PRAGMA user_version = 0"))


@dataclass(slots=True)
class SqliteTransaction:
    """See `Transaction`. It begins with the first statements."""

    connection: core.SqliteConnection
    now: int = 0

    def run(self, *asked: Asked) -> list[list[Row]]:
        """See `Transaction.run`."""
        numbered = [_numbered(each) for each in asked]
        if self.now:
            return self.connection.run_all(numbered)
        self.now, given = self.connection.begin(numbered)
        return given


def _numbered(asked: Asked) -> tuple[str, str | None, Batch | None, tuple[Value, ...]]:
    one, values, batch = asked
    common = tuple([values[name] for name in one.common])
    return one.sqlite, one.reread, batch, common


class SqliteDatabase:
    """An SQLite file that forgets nothing it has confirmed."""

    def __init__(self, path: Path, connection: core.SqliteConnection) -> None:
        """Take a configured connection; see `open`."""
        self._path = path
        self._connection: core.SqliteConnection | None = connection
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> SqliteDatabase:
        """Open an existing file, or raise `DatabaseRefused`."""
        try:
            return cls(path, _connect(path))
        except core.SqliteError as error:
            raise DatabaseRefused(f"cannot open {path}: {error.args[0]}") from None

    @contextmanager
    def transaction(self) -> Iterator[SqliteTransaction]:
        """See `Database.transaction`."""
        with self._lock:
            begun = self._begin()
            try:
                yield begun
            except core.SqliteError as error:
                message, kind = error.args
                if kind == "constraint":
                    begun.connection.run("ROLLBACK")
                    raise ConstraintViolated(message) from error
                self._give_up()
                trouble = "cannot be written" if kind == "busy" else "failed"
                raise unavailable(f"the database {trouble}; nothing was changed") from error
            except BaseException:
                if begun.now:
                    begun.connection.run("ROLLBACK")
                raise
            if begun.now:
                self._commit(begun.connection)

    def ping(self) -> None:
        """See `Database.ping`."""
        with self.transaction() as transaction:
            transaction.run(_PING)

    def close(self) -> None:
        """See `Database.close`."""
        with self._lock:
            self._give_up()

    def _begin(self) -> SqliteTransaction:
        try:
            if self._connection is None:
                self._connection = _connect(self._path)
            return SqliteTransaction(self._connection)
        except (core.SqliteError, DatabaseRefused) as error:
            self._give_up()
            raise unavailable("the database cannot be written; nothing was changed") from error

    def _commit(self, connection: core.SqliteConnection) -> None:
        try:
            connection.run("COMMIT")
        except core.SqliteError as error:
            # The write-ahead log may hold the commit all the same: whoever
            # opens the file next finds out, and so does the same request_id.
            self._give_up()
            raise unavailable(NOT_KNOWN) from error

    def _give_up(self) -> None:
        """Drop the connection: the next call starts from what is on the disk."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def require_durable(connection: core.SqliteConnection) -> None:
    """Raise `DatabaseRefused` unless a commit survives a loss of power."""
    (journal,) = connection.run("PRAGMA journal_mode")[0]
    if journal != "wal":
        raise DatabaseRefused(f"journal_mode must be WAL, the database insists on {journal}")
    (synchronous,) = connection.run("PRAGMA synchronous")[0]
    if synchronous < _FULL:
        raise DatabaseRefused("synchronous must be FULL: confirmed codes would be forgotten")


def _connect(path: Path) -> core.SqliteConnection:
    """Connect, waiting for a process that is just closing the file.

    The last one to close takes the write-ahead log away under a lock for which
    SQLite's own busy timeout does not wait.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return _connect_once(path)
        except core.SqliteError as error:
            _, kind = error.args
            if kind != "busy" or time.monotonic() > deadline:
                raise
        time.sleep(_CLOSING_SECONDS)


def _connect_once(path: Path) -> core.SqliteConnection:
    connection = core.SqliteConnection.open(path.absolute(), BUSY_SECONDS)
    try:
        for pragma in _PRAGMAS:
            connection.run(f"PRAGMA {pragma}")
        require_durable(connection)
    except BaseException:
        connection.close()
        raise
    return connection
