# SPDX-License-Identifier: Apache-2.0
"""Durable write transactions on a PostgreSQL server, READ COMMITTED.

Each thread that is in a transaction has a connection to itself; idle ones are
kept. Whatever breaks a connection ends all idle ones: they are as old.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.types.string import TextLoader

from kagimori.adapters.sql.database import (
    NOT_KNOWN,
    Asked,
    Batch,
    ConstraintViolated,
    DatabaseRefused,
    Row,
    Undone,
    Value,
    ValueRefused,
    unavailable,
)
from kagimori.adapters.sql.dialect import encoded, statement
from kagimori.domain.errors import StoreUnavailable

T = TypeVar("T")

_OLDEST: Final = 140_000

# A server that says nothing any more is given up after about three seconds,
# whether its host is gone or its process hangs.
_PATIENCE: Final = 3.0

_CONNECTION: Final[Mapping[str, Any]] = {
    "application_name": "kagimori",
    "connect_timeout": 2,
    "keepalives": 1,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 3000,
}

# Every statement goes to rows by an index, a batch at a time. Statistics that
# are young or old must not make the planner read whole tables instead.
_SESSION: Final = """
SET client_encoding = 'UTF8';
SET statement_timeout = '2500ms';
SET lock_timeout = '2s';
SET idle_in_transaction_session_timeout = '5s';
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
SET jit = off
"""

_PROMISES: Final = """
SELECT current_setting('fsync'), current_setting('full_page_writes'),
       current_setting('synchronous_commit'), current_setting('transaction_read_only'),
       pg_is_in_recovery()
"""

_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
_NOW: Final = "SELECT (extract(epoch FROM now()) * 1000000)::bigint"

# A record of no meaning in the write-ahead log, which the commit must flush:
# no row that processes would wait for each other at.
_PING: Final = Asked(statement("SELECT pg_logical_emit_message(true, 'kagimori', 'ping')"))


class Connection(psycopg.Connection[Row]):
    """A connection on which nothing is waited for without end."""

    def wait(
        self,
        gen: PQGen[T],
        interval: float = _PATIENCE / 10,
        timeout: float | None = _PATIENCE,
    ) -> T:
        """Wait as psycopg does, but not longer than ``timeout`` seconds."""
        return super().wait(gen, interval, timeout)


@dataclass(slots=True)
class PostgresqlTransaction:
    """See `Transaction`. It begins with the first statements."""

    connection: Connection
    now: int = 0

    def run(self, *asked: Asked) -> list[list[Row]]:
        """See `Transaction.run`."""
        begin = None
        with self.connection.pipeline():
            if not self.now:
                self.connection.execute(_BEGIN, prepare=True)
                begin = self.connection.execute(_NOW, prepare=True)
            cursors = [
                self.connection.execute(each.statement.postgresql, values, prepare=True)
                for each, values in zip(asked, _values_of(asked), strict=True)
            ]
        if begin is not None:
            ((self.now,),) = begin.fetchall()
        return [cursor.fetchall() if cursor.description else [] for cursor in cursors]


def _values_of(asked: Sequence[Asked]) -> Iterator[Mapping[str, Value]]:
    """Yield the values of each; statements that follow each other often take the same rows."""
    batch: Batch | None = None
    text = ""
    for each in asked:
        if each.batch is None:
            yield each.values
            continue
        if each.batch is not batch:
            batch, text = each.batch, encoded(each.batch)
        yield {**each.values, "batch": text}


class PostgresqlDatabase:
    """A server whose word is durable when it has confirmed a commit."""

    def __init__(self, url: str, password: str | None) -> None:
        """Take where the database is; see `open`."""
        self._url = url
        self._password = password
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    @classmethod
    def open(cls, url: str, password: str | None) -> PostgresqlDatabase:
        """Connect to ``postgresql://…``, or raise `DatabaseRefused`."""
        database = cls(url, password)
        try:
            database._idle.append(connect(url, password))
        except psycopg.Error as error:
            raise refusal(error) from None
        return database

    @contextmanager
    def transaction(self) -> Iterator[PostgresqlTransaction]:
        """See `Database.transaction`."""
        begun = self._begin()
        try:
            yield begun
        except psycopg.Error as error:
            self._undo(begun)
            trouble = _trouble(error)
            # Words about a value or a row may quote it, and a cause is logged.
            raise trouble from (error if isinstance(trouble, StoreUnavailable) else None)
        except BaseException:
            self._undo(begun)
            raise
        if begun.now:
            self._commit(begun)
        else:
            self._give_back(begun.connection)

    def ping(self) -> None:
        """See `Database.ping`."""
        with self.transaction() as transaction:
            transaction.run(_PING)

    def close(self) -> None:
        """See `Database.close`."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _begin(self) -> PostgresqlTransaction:
        connection = None
        try:
            connection = self._taken() or connect(self._url, self._password)
            return PostgresqlTransaction(connection)
        except (psycopg.Error, DatabaseRefused) as error:
            self._give_up(connection)
            raise unavailable("the database cannot be written; nothing was changed") from error

    def _commit(self, begun: PostgresqlTransaction) -> None:
        warnings: list[object] = []
        connection = begun.connection
        connection.add_notice_handler(warnings.append)
        try:
            done = connection.execute("COMMIT", prepare=False)
        except BaseException as error:
            self._give_up(connection)
            if isinstance(error, psycopg.Error):
                raise unavailable(NOT_KNOWN) from error
            raise
        # A standby that was not waited for is told of by a warning only.
        if warnings or done.statusmessage != "COMMIT":
            self._give_up(connection)
            raise unavailable(NOT_KNOWN)
        connection.remove_notice_handler(warnings.append)
        self._give_back(connection)

    def _undo(self, begun: PostgresqlTransaction) -> None:
        try:
            begun.connection.execute("ROLLBACK", prepare=False)
        except psycopg.Error:
            self._give_up(begun.connection)
        else:
            self._give_back(begun.connection)

    def _taken(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            self._idle.append(connection)

    def _give_up(self, connection: Connection | None) -> None:
        """Drop the connection and all that are as old: the next call connects anew."""
        self.close()
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()


def connect(url: str, password: str | None) -> Connection:
    """Connect durably, or raise `DatabaseRefused` or `psycopg.Error`."""
    connection = Connection.connect(url, autocommit=True, **_settings(password))
    try:
        for kind in ("uuid", "date"):
            connection.adapters.register_loader(kind, TextLoader)
        connection.execute(_SESSION)
        require_durable(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def administer(url: str, password: str | None) -> psycopg.Connection[Row]:
    """Connect for a migration, which may take its time; raise as `connect` does.

    A migration is made as durably as what the server will write later.
    """
    connection: psycopg.Connection[Row] = psycopg.connect(url, **_settings(password))
    try:
        require_durable(connection)
        connection.rollback()
    except BaseException:
        connection.close()
        raise
    return connection


def require_durable(connection: psycopg.Connection[Row]) -> None:
    """Raise `DatabaseRefused` unless a commit here survives a loss of power."""
    if connection.info.server_version < _OLDEST:
        raise DatabaseRefused("the PostgreSQL server must be version 14 or newer")
    *settings, read_only, standby = connection.execute(_PROMISES).fetchall()[0]
    for name, value in zip(
        ("fsync", "full_page_writes", "synchronous_commit"), settings, strict=True
    ):
        if value == "off":
            raise DatabaseRefused(f"{name} must not be off: confirmed codes would be forgotten")
    if standby:
        raise DatabaseRefused("the PostgreSQL server is a standby and cannot be written to")
    if read_only == "on":
        raise DatabaseRefused("the database is read-only for this user")


def refusal(error: psycopg.Error) -> DatabaseRefused:
    """Return libpq's words, which never hold the password, as our error."""
    return DatabaseRefused(f"cannot use the PostgreSQL database: {' '.join(str(error).split())}")


def _settings(password: str | None) -> dict[str, Any]:
    return {**_CONNECTION, **({} if password is None else {"password": password})}


def _trouble(error: psycopg.Error) -> Exception:
    match error:
        case psycopg.errors.DeadlockDetected() | psycopg.errors.SerializationFailure():
            return Undone()
        case psycopg.IntegrityError():
            return ConstraintViolated(error.diag.constraint_name)
        case psycopg.DataError():
            return ValueRefused(error.sqlstate)
    return unavailable("the database failed; nothing was changed")
