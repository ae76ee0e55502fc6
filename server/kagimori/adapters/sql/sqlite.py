# SPDX-License-Identifier: Apache-2.0
"""One durable write transaction at a time on an SQLite file.

A process has one connection, on which transactions take turns; other processes
(the importer beside the server) take turns through SQLite's own write lock.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import Future
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
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
    Given,
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
    "wal_autocheckpoint = 16000",
)

BUSY_HOUR: Final = 65_536
"""Kibibytes of cache: the pages that a busy hour touches, of a million tokens."""

# Writes page 1 and means nothing: a full disk shows here.
_PING: Final = Asked(statement("PRAGMA user_version = 0"))


_Numbered = tuple[str, str | None, Batch | None, tuple[Value, ...], int | None]
"""A statement as the extension takes it, with what it must give."""

_Done = tuple[int, list[list[Row]]]
"""A transaction's time, and the rows of each statement."""


@dataclass(slots=True)
class SqliteTransaction:
    """See `Transaction`. It begins with the first statements."""

    connection: core.SqliteConnection
    turn: asyncio.Lock
    now: int = 0
    is_over: bool = False

    async def run(self, *asked: Asked) -> list[list[Row]]:
        """See `Transaction.run`."""
        return self._taken(await self._begin([_numbered(each) for each in asked], last=False))

    async def commit(self, *asked: Asked) -> list[list[Row]]:
        """See `Transaction.commit`."""
        numbered = [_numbered(each) for each in asked]
        return self._taken(await self._end(numbered) if self.now or asked else None)

    async def at_once(self, asked: Sequence[Asked]) -> _Done | None:
        """See `AtOnce`."""
        return await self._end([_numbered(each, each.hoped_for) for each in asked])

    def _end(self, numbered: Sequence[_Numbered]) -> Future[_Done | None]:
        ended = self._begin(numbered, last=True)
        self.is_over = True
        # The next may ask already: the connection does one thing after the other.
        self.turn.release()
        return ended

    def _begin(self, numbered: Sequence[_Numbered], *, last: bool) -> Future[_Done | None]:
        return core.ended(self.connection.transact, numbered, last)

    def _taken(self, given: _Done | None) -> list[list[Row]]:
        if given is None:
            return []
        self.now, rows = given
        return rows


def _numbered(asked: Asked, hoped_for: int | None = None) -> _Numbered:
    one, values, batch, _ = asked
    common = tuple([values[name] for name in one.common])
    return one.sqlite, one.reread, batch, common, hoped_for


class SqliteDatabase:
    """An SQLite file that forgets nothing it has confirmed."""

    def __init__(self, path: Path, connection: core.SqliteConnection, cache: int) -> None:
        """Take a configured connection; see `open`."""
        self._path = path
        self._cache = cache
        self._connection: core.SqliteConnection | None = connection
        self._turn = asyncio.Lock()

    @classmethod
    def open(cls, path: Path, cache: int = BUSY_HOUR) -> SqliteDatabase:
        """Open an existing file, or raise `DatabaseRefused`.

        So many kibibytes of its pages are kept in memory.
        """
        try:
            return cls(path, _connect(path, cache), cache)
        except core.SqliteError as error:
            raise DatabaseRefused(f"cannot open {path}: {error.args[0]}") from None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTransaction]:
        """See `Database.transaction`."""
        await self._turn.acquire()
        try:
            begun = SqliteTransaction(await self._connected(), self._turn)
        except BaseException:
            self._turn.release()
            raise
        try:
            yield begun
            if not begun.is_over:
                await begun.commit()
        except core.SqliteError as error:
            raise self._trouble(begun, *error.args) from error
        except BaseException:
            if not begun.is_over:
                begun.connection.undo()
            raise
        finally:
            if not begun.is_over:
                self._turn.release()

    async def at_once(self, *asked: Asked) -> Given | None:
        """See `AtOnce`."""
        async with self.transaction() as transaction:
            given = await transaction.at_once(asked)
        return None if given is None else Given(*given)

    async def ping(self) -> None:
        """See `Database.ping`."""
        async with self.transaction() as transaction:
            await transaction.commit(_PING)

    def close(self) -> None:
        """See `Database.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def _connected(self) -> core.SqliteConnection:
        if self._connection is None:
            try:
                # Seldom, and it may wait for another process.
                self._connection = await asyncio.to_thread(_connect, self._path, self._cache)
            except (core.SqliteError, DatabaseRefused) as error:
                raise unavailable("the database cannot be written; nothing was changed") from error
        return self._connection

    def _trouble(self, begun: SqliteTransaction, message: str, kind: str) -> Exception:
        """Return what an error comes to; after most the next call opens the file anew."""
        if kind == "constraint":
            return ConstraintViolated(message)
        # It starts from what is on the disk: the write-ahead log may hold a commit
        # that failed. Whoever opens the file next finds out, and so does the same
        # request_id. After that the extension has closed the file already.
        if begun.connection is self._connection:
            self._connection = None
        begun.connection.retire()
        if kind == "commit":
            return unavailable(NOT_KNOWN)
        trouble = "cannot be written" if kind == "busy" else "failed"
        return unavailable(f"the database {trouble}; nothing was changed")


def require_durable(connection: core.SqliteConnection) -> None:
    """Raise `DatabaseRefused` unless a commit survives a loss of power."""
    (journal,) = connection.run("PRAGMA journal_mode")[0]
    if journal != "wal":
        raise DatabaseRefused(f"journal_mode must be WAL, the database insists on {journal}")
    (synchronous,) = connection.run("PRAGMA synchronous")[0]
    if synchronous < _FULL:
        raise DatabaseRefused("synchronous must be FULL: confirmed codes would be forgotten")


def _connect(path: Path, cache: int) -> core.SqliteConnection:
    """Connect, waiting for a process that is just closing the file.

    The last one to close takes the write-ahead log away under a lock for which
    SQLite's own busy timeout does not wait.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return _connect_once(path, cache)
        except core.SqliteError as error:
            _, kind = error.args
            if kind != "busy" or time.monotonic() > deadline:
                raise
        time.sleep(_CLOSING_SECONDS)


def _connect_once(path: Path, cache: int) -> core.SqliteConnection:
    connection = core.SqliteConnection.open(path.absolute(), BUSY_SECONDS)
    try:
        for pragma in (*_PRAGMAS, f"cache_size = -{cache}"):
            connection.run(f"PRAGMA {pragma}")
        require_durable(connection)
    except BaseException:
        connection.close()
        raise
    return connection
