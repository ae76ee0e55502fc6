# SPDX-License-Identifier: Apache-2.0
"""Durable write transactions on a PostgreSQL server, READ COMMITTED.

Each transaction that is under way has a connection to itself; idle ones are kept.
Whatever breaks a connection ends all idle ones: they are as old.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from kagimori.adapters.sql.database import (
    NOT_KNOWN,
    Asked,
    Batch,
    ConstraintViolated,
    DatabaseRefused,
    Row,
    Undone,
    ValueRefused,
    unavailable,
)
from kagimori.adapters.sql.dialect import encoded, statement
from kagimori.adapters.sql.wire import Answer, Connection, Sent
from kagimori.domain.errors import StoreUnavailable

_OLDEST: Final = 140_000

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
SESSION: Final = """
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

_BEGIN: Final = Sent("BEGIN ISOLATION LEVEL READ COMMITTED", None)
_NOW: Final = Sent("SELECT (extract(epoch FROM now()) * 1000000)::bigint")
_COMMIT: Final = Sent("COMMIT", None)

# A record of no meaning in the write-ahead log, which the commit must flush:
# no row that processes would wait for each other at.
_PING: Final = Asked(statement("SELECT pg_logical_emit_message(true, 'kagimori', 'ping')"))


@dataclass(slots=True)
class PostgresqlTransaction:
    """See `Transaction`. It begins with the first statements."""

    connection: Connection
    now: int = 0
    is_over: bool = False

    async def run(self, *asked: Asked) -> list[list[Row]]:
        """See `Transaction.run`."""
        return [rows for rows, _ in await self._converse(_sent(asked))]

    async def commit(self, *asked: Asked) -> list[list[Row]]:
        """See `Transaction.commit`."""
        self.is_over = True
        if not self.now and not asked:
            return []
        with _warnings_of(self.connection) as warnings:
            *answers, (_, done) = await self._converse([*_sent(asked), _COMMIT])
        # A standby that was not waited for is told of by a warning only.
        if warnings or done != b"COMMIT":
            raise _NotKnown
        return [rows for rows, _ in answers]

    async def _converse(self, sent: Sequence[Sent]) -> list[Answer]:
        if self.now:
            return await self.connection.converse(sent)
        _, (((self.now,),), _), *answers = await self.connection.converse([_BEGIN, _NOW, *sent])
        return answers


class _NotKnown(Exception):
    """The server did not say that it has committed."""


@contextmanager
def _warnings_of(connection: Connection) -> Iterator[list[object]]:
    warnings: list[object] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            warnings.append(notice)

    connection.add_notice_handler(hear)
    try:
        yield warnings
    finally:
        connection.remove_notice_handler(hear)


def _sent(asked: Sequence[Asked]) -> list[Sent]:
    """Return what is sent; statements that follow each other often take the same rows."""
    sent = []
    batch: Batch | None = None
    text = ""
    for one, values, rows, _ in asked:
        common = [values[name] for name in one.common]
        if rows is not None:
            if rows is not batch:
                batch, text = rows, encoded(rows)
            common.append(text)
        sent.append(Sent(one.postgresql, common))
    return sent


class PostgresqlDatabase:
    """A server whose word is durable when it has confirmed a commit."""

    at_once: Final = None

    def __init__(self, url: str, password: str | None) -> None:
        """Take where the database is; see `open`."""
        self._url = url
        self._password = password
        self._idle: list[Connection] = []

    @classmethod
    def open(cls, url: str, password: str | None) -> PostgresqlDatabase:
        """Look at the server at ``postgresql://…``, or raise `DatabaseRefused`."""
        try:
            administer(url, password).close()
        except psycopg.Error as error:
            raise refusal(error) from None
        return cls(url, password)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresqlTransaction]:
        """See `Database.transaction`."""
        begun = PostgresqlTransaction(await self._connected())
        try:
            yield begun
            if not begun.is_over:
                await begun.commit()
        except (psycopg.Error, _NotKnown) as error:
            trouble = await self._trouble(begun, error)
            # Words about a value or a row may quote it, and a cause is logged.
            raise trouble from (error if isinstance(trouble, StoreUnavailable) else None)
        except Exception:
            await self._undo(begun.connection)
            raise
        except BaseException:
            # Nobody waits any longer, for the server neither.
            self._give_up(begun.connection)
            raise
        self._idle.append(begun.connection)

    async def ping(self) -> None:
        """See `Database.ping`."""
        async with self.transaction() as transaction:
            await transaction.commit(_PING)

    def close(self) -> None:
        """See `Database.close`."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.pgconn.finish()

    async def _connected(self) -> Connection:
        if self._idle:
            return self._idle.pop()
        try:
            return await connect(self._url, self._password)
        except (psycopg.Error, DatabaseRefused) as error:
            self.close()
            raise unavailable("the database cannot be written; nothing was changed") from error

    async def _trouble(self, begun: PostgresqlTransaction, error: Exception) -> Exception:
        """Return what an error comes to; the transaction is over then."""
        in_doubt = begun.is_over and not _has_failed(begun.connection)
        if in_doubt:
            self._give_up(begun.connection)
            return unavailable(NOT_KNOWN)
        await self._undo(begun.connection)
        return _meaning(error)

    async def _undo(self, connection: Connection) -> None:
        try:
            await connection.execute("ROLLBACK", prepare=False)
        except psycopg.Error:
            self._give_up(connection)
        else:
            self._idle.append(connection)

    def _give_up(self, connection: Connection) -> None:
        """Drop the connection and all that are as old: the next call connects anew."""
        self.close()
        connection.pgconn.finish()


def _has_failed(connection: Connection) -> bool:
    """Return whether the server has said of the transaction that it cannot be committed."""
    return connection.info.transaction_status == TransactionStatus.INERROR


async def connect(url: str, password: str | None) -> Connection:
    """Connect durably, or raise `DatabaseRefused` or `psycopg.Error`."""
    connection = await Connection.connect(url, autocommit=True, **_settings(password))
    try:
        await connection.execute(SESSION)
        promises = await (await connection.execute(_PROMISES)).fetchall()
        require_durable(connection.info.server_version, promises[0])
    except BaseException:
        await connection.close()
        raise
    return connection


def administer(url: str, password: str | None) -> psycopg.Connection[Row]:
    """Connect for a migration, which may take its time; raise as `connect` does.

    A migration is made as durably as what the server will write later.
    """
    connection: psycopg.Connection[Row] = psycopg.connect(url, **_settings(password))
    try:
        promises = connection.execute(_PROMISES).fetchall()
        require_durable(connection.info.server_version, promises[0])
        connection.rollback()
    except BaseException:
        connection.close()
        raise
    return connection


def require_durable(server_version: int, promises: Row) -> None:
    """Raise `DatabaseRefused` unless a commit here survives a loss of power."""
    if server_version < _OLDEST:
        raise DatabaseRefused("the PostgreSQL server must be version 14 or newer")
    *settings, read_only, standby = promises
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


def _meaning(error: Exception) -> Exception:
    match error:
        case psycopg.errors.DeadlockDetected() | psycopg.errors.SerializationFailure():
            return Undone()
        case psycopg.IntegrityError():
            return ConstraintViolated(error.diag.constraint_name)
        case psycopg.DataError():
            return ValueRefused(error.sqlstate)
    return unavailable("the database failed; nothing was changed")
