# SPDX-License-Identifier: Apache-2.0
"""A commit survives a loss of power, or the caller is told that it may not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kagimori import core
from kagimori.adapters.sql import sqlite as module
from kagimori.adapters.sql.connection import open_database, sqlite_path
from kagimori.adapters.sql.database import Asked, Database, DatabaseRefused, Transaction
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.sqlite import SqliteTransaction, require_durable
from kagimori.domain.errors import StoreUnavailable
from support.database import TestDatabase

COUNT = statement("INSERT INTO receipts VALUES ('t', 1)")
NOTHING = statement("SELECT * FROM nothing")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[TestDatabase]:
    database = TestDatabase(tmp_path)
    yield database
    database.close()


def test_opens_durably(place: TestDatabase) -> None:
    with place.open().transaction() as transaction:
        assert isinstance(transaction, SqliteTransaction)
        pragmas = [
            transaction.connection.run(f"PRAGMA {name}")[0][0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]


def test_refuses_a_connection_that_forgets(place: TestDatabase) -> None:
    place.open()
    with closing(core.SqliteConnection.open(place.path, 1.0)) as connection:
        connection.run("PRAGMA synchronous = NORMAL")
        with pytest.raises(DatabaseRefused, match="synchronous must be FULL"):
            require_durable(connection)


def test_refuses_a_journal_that_is_no_wal() -> None:
    with (
        closing(core.SqliteConnection.open(Path(":memory:"), 1.0)) as connection,
        pytest.raises(DatabaseRefused, match="must be WAL, the database insists on memory"),
    ):
        require_durable(connection)


def test_a_missing_file_is_no_empty_memory(tmp_path: Path) -> None:
    with pytest.raises(DatabaseRefused, match="cannot open"):
        open_database(f"sqlite:///{tmp_path}/none.db")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database" * 100)
    with pytest.raises(DatabaseRefused, match="not a database"):
        open_database(f"sqlite:///{tmp_path}/text.db")


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "sqlite:///"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(DatabaseRefused, match="sqlite:///"):
        sqlite_path(url)


def test_the_clock_is_the_databases_in_utc_microseconds(place: TestDatabase) -> None:
    with place.open().transaction() as transaction:
        transaction.run(Asked(COUNT))
        assert abs(transaction.now / 1_000_000 - time.time()) < 60
        assert transaction.now % 1000 == 0


def test_an_error_of_the_block_undoes_it(place: TestDatabase) -> None:
    database = place.open()
    with pytest.raises(ZeroDivisionError):
        _write_and(database, lambda _: 1 // 0)
    assert not place.run("SELECT * FROM receipts")
    database.ping()


def test_another_process_writing_is_waited_for_and_then_reported(
    place: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    database = place.open()
    with closing(core.SqliteConnection.open(place.path, 1.0)) as other:
        other.run("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="cannot be written") as caught:
            database.ping()
        assert caught.value.retry_after > 0
        other.run("ROLLBACK")
    database.ping()


def test_a_failed_statement_is_unavailability_without_a_trace(place: TestDatabase) -> None:
    database = place.open()
    with pytest.raises(StoreUnavailable, match="nothing was changed"):
        _write_and(database, lambda transaction: transaction.run(Asked(NOTHING)))
    assert not place.run("SELECT * FROM receipts")
    database.ping()


def test_a_lost_commit_is_not_called_undone(
    place: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = place.open()
    real = module._connect(place.path)

    class Deaf:
        """Commits, and fails to say so."""

        def run(self, statement: str, *values: Any) -> list[Any]:  # noqa: ANN401 - passed on as is
            answer = real.run(statement, *values)
            if statement == "COMMIT":
                raise core.SqliteError("disk I/O error", "failure")
            return answer

        begin = real.begin
        run_all = real.run_all
        close = real.close

    monkeypatch.setattr(database, "_connection", Deaf())
    with pytest.raises(StoreUnavailable, match="not known whether the commit happened"):
        _write_and(database, lambda _: None)
    assert len(place.run("SELECT * FROM receipts")) == 1
    database.ping()


def test_a_database_that_went_away_comes_back(place: TestDatabase) -> None:
    database = place.open()
    away = place.path.with_suffix(".away")
    database.close()
    place.path.rename(away)
    with pytest.raises(StoreUnavailable, match="nothing was changed"):
        database.ping()
    assert not place.path.exists()
    away.rename(place.path)
    database.ping()


def test_a_ping_writes(place: TestDatabase) -> None:
    database = place.open()
    database.ping()
    before = place.path.with_name("kagimori.db-wal").read_bytes()
    database.ping()
    assert place.path.with_name("kagimori.db-wal").read_bytes() != before


def _write_and(database: Database, then: Callable[[Transaction], object]) -> None:
    with database.transaction() as transaction:
        transaction.run(Asked(COUNT))
        then(transaction)
