# SPDX-License-Identifier: Apache-2.0
"""A bench over a real database, whichever of the two it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from contracts.store_bench import Row
from kagimori import core
from kagimori.adapters.sql.enrollment.enrollments import SqlEnrollmentStore
from kagimori.adapters.sql.sqlite import SqliteDatabase
from kagimori.adapters.sql.verification.store import SqlVerificationStore
from kagimori.adapters.sql.wire import Answer, Connection, Sent
from support.databases.database import AnyDatabase
from support.databases.inventory import Inventory
from support.waiting import WaitedStore

_ORDER = {
    "tokens": "token_id",
    "requests": "created_at",
    "receipts": "tenant",
    "audit": "id",
    "enrollments": "subscriber",
    "outbox": "created_at",
    "challenges": "created_at",
    "signing_seeds": "token_id",
}


class SqlBench:
    """See `Bench`."""

    def __init__(self, database: AnyDatabase) -> None:
        self._database = database
        self._opened = database.open()
        self.store = WaitedStore(SqlVerificationStore(self._opened, prune_every=1))
        # An importer is a process of its own, with an event loop of its own.
        self.inventory = self.another_inventory()
        self.enrollments = SqlEnrollmentStore(self._opened)

    @property
    def database(self) -> AnyDatabase:
        return self._database

    def another_enrollment_store(self) -> SqlEnrollmentStore:
        return SqlEnrollmentStore(self._database.open())

    def run(self, statement: str) -> Sequence[Row]:
        return self._database.run(statement)

    def another_store(self) -> WaitedStore:
        return WaitedStore(SqlVerificationStore(self._database.open()))

    def another_inventory(self) -> Inventory:
        return Inventory(self._database.open())

    def rows(self, table: str) -> Sequence[Row]:
        return self._database.run(f"SELECT * FROM {table} ORDER BY {_ORDER[table]}")  # noqa: S608 - our own

    def change(self, table: str, **columns: str | int | None) -> None:
        changes = ", ".join(f"{column} = ?" for column in columns)
        self._database.run(f"UPDATE {table} SET {changes}", *columns.values())  # noqa: S608 - our own

    def expire_leases(self) -> None:
        self._database.run("UPDATE tokens SET lease_until = 1 WHERE lease IS NOT NULL")
        self._database.run("UPDATE requests SET lease_until = 1")

    @contextmanager
    def writing(self, table: str) -> Iterator[None]:
        """Let another PostgreSQL transaction have written to every row, and not end."""
        with psycopg.connect(self._database.url) as connection:
            connection.execute(f"UPDATE {table} SET tenant = tenant".encode())  # noqa: S608 - our own
            yield
            connection.rollback()

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """Collect what the store sends to its database, as the driver sees it."""
        sent: list[str] = []
        opened = self._opened
        with pytest.MonkeyPatch.context() as patch:
            if isinstance(opened, SqliteDatabase):
                assert opened._connection is not None
                counting = _CountingConnection(opened._connection, sent)
                patch.setattr(opened, "_connection", counting)
            else:
                patch.setattr(Connection, "converse", _counting(sent))
            yield sent


class _CountingConnection:
    """A statement counts once, however many rows it runs for: that is one call."""

    def __init__(self, connection: core.SqliteConnection, sent: list[str]) -> None:
        self._sent = sent
        self._transact = connection.transact
        self.undo = connection.undo
        self.retire = connection.retire
        self.close = connection.close

    def transact(self, bell: Any, future: Any, asked: Sequence[Any], *arguments: Any) -> None:  # noqa: ANN401 - passed on
        self._sent += [statement for statement, *_ in asked]
        self._transact(bell, future, asked, *arguments)


def _counting(sent: list[str]) -> Callable[[Connection, Sequence[Sent]], Awaitable[list[Answer]]]:
    converse = Connection.converse

    async def counting(connection: Connection, asked: Sequence[Sent]) -> list[Answer]:
        sent.extend(each.statement for each in asked)
        return await converse(connection, asked)

    return counting
