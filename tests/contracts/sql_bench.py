# SPDX-License-Identifier: Apache-2.0
"""A bench over a real database, whichever of the two it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from contracts.store_bench import Row
from kagimori import core
from kagimori.adapters.sql.inventory import SqlInventory
from kagimori.adapters.sql.postgresql import PostgresqlDatabase
from kagimori.adapters.sql.sqlite import SqliteDatabase
from kagimori.adapters.sql.verification import SqlVerificationStore
from support.database import AnyDatabase

_ORDER = {"tokens": "token_id", "requests": "created_at", "receipts": "tenant", "audit": "id"}


class SqlBench:
    """See `Bench`."""

    def __init__(self, database: AnyDatabase) -> None:
        self._database = database
        self._opened = database.open()
        self.store = SqlVerificationStore(self._opened, prune_every=1)
        self.inventory = SqlInventory(self._opened)

    def another_store(self) -> SqlVerificationStore:
        return SqlVerificationStore(self._database.open())

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
        if isinstance(opened, SqliteDatabase):
            assert opened._connection is not None
            real = opened._connection
            assert real is not None
            opened._connection = _CountingConnection(real, sent)  # type: ignore[assignment]  # stands in for it
            yield sent
            opened._connection = real
        else:
            assert isinstance(opened, PostgresqlDatabase)
            (connection,) = opened._idle
            connection.cursor_factory = _counting(sent)
            yield sent
            connection.cursor_factory = psycopg.Cursor


class _CountingConnection:
    """A statement counts once, however many rows it runs for: that is one call."""

    def __init__(self, connection: core.SqliteConnection, sent: list[str]) -> None:
        self._connection = connection
        self._sent = sent

    def run(self, statement: str, *input_: Any) -> list[Any]:  # noqa: ANN401 - passed on
        self._sent.append(statement)
        return self._connection.run(statement, *input_)

    def begin(self, asked: Sequence[Any]) -> Any:  # noqa: ANN401 - passed on
        self._sent += [statement for statement, *_ in asked]
        return self._connection.begin(asked)

    def run_all(self, asked: Sequence[Any]) -> list[Any]:
        self._sent += [statement for statement, *_ in asked]
        return self._connection.run_all(asked)

    def close(self) -> None:
        self._connection.close()


def _counting(sent: list[str]) -> type[psycopg.Cursor[Any]]:
    class Counting(psycopg.Cursor[Any]):
        def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
            sent.append(str(query))
            return super().execute(query, *arguments, **options)

    return Counting
