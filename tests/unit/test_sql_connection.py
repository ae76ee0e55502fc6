# SPDX-License-Identifier: Apache-2.0
"""A commit survives a loss of power, or the caller is told that it may not."""

from __future__ import annotations

import asyncio
import time
from asyncio import Future
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kagimori import core
from kagimori.adapters.sql import sqlite as module
from kagimori.adapters.sql.connection import open_database, sqlite_path
from kagimori.adapters.sql.database import Asked, Database, DatabaseRefused, Value
from kagimori.adapters.sql.dialect import Statement, statement
from kagimori.adapters.sql.sqlite import SqliteTransaction, require_durable
from kagimori.domain.errors import StoreUnavailable
from support.databases.database import TestDatabase
from support.waiting import WaitedTransaction, ping, transaction, waited

PATIENCE = 30.0

COUNT = statement("INSERT INTO receipts VALUES ('t', 1)")
COUNT_ANOTHER = statement("INSERT INTO receipts VALUES ('u', 1)")
ORPHAN = statement("INSERT INTO children VALUES (1)")
SAY = statement("SELECT :value")
NOTHING = statement("SELECT * FROM nothing")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[TestDatabase]:
    database = TestDatabase(tmp_path)
    yield database
    database.close()


def test_opens_durably(place: TestDatabase) -> None:
    with transaction(place.open()) as begun:
        assert isinstance(begun.begun, SqliteTransaction)
        pragmas = [
            begun.begun.connection.run(f"PRAGMA {name}")[0][0]
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
    with transaction(place.open()) as begun:
        begun.run(Asked(COUNT))
        assert abs(begun.now / 1_000_000 - time.time()) < 60
        assert begun.now % 1000 == 0


def test_an_error_of_the_block_undoes_it(place: TestDatabase) -> None:
    database = place.open()
    with pytest.raises(ZeroDivisionError):
        _write_and(database, lambda _: 1 // 0)
    assert not place.run("SELECT * FROM receipts")
    ping(database)


def test_another_process_writing_is_waited_for_and_then_reported(
    place: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    database = place.open()
    with closing(core.SqliteConnection.open(place.path, 1.0)) as other:
        other.run("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="cannot be written") as caught:
            ping(database)
        assert caught.value.retry_after > 0
        other.run("ROLLBACK")
    ping(database)


def test_a_failed_statement_is_unavailability_without_a_trace(place: TestDatabase) -> None:
    database = place.open()
    with pytest.raises(StoreUnavailable, match="nothing was changed"):
        _write_and(database, lambda begun: begun.run(Asked(NOTHING)))
    assert not place.run("SELECT * FROM receipts")
    ping(database)


def test_a_lost_commit_is_not_called_undone(
    place: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = place.open()
    real = module._connect(place.path, module.BUSY_HOUR)

    class Deaf:
        """Commits, and fails to say so."""

        def transact(
            self,
            bell: core.Bell,
            future: Future[Any],
            asked: Any,  # noqa: ANN401 - passed on
            last: bool,  # noqa: FBT001 - passed on
            *more: Any,  # noqa: ANN401 - passed on
        ) -> None:
            told: Future[Any] = future
            if last:
                told = future.get_loop().create_future()
                lost = core.SqliteError("disk I/O error", "commit")
                told.add_done_callback(lambda _: future.set_exception(lost))
            real.transact(bell, told, asked, last, *more)

        undo = real.undo
        retire = real.retire
        close = real.close

    monkeypatch.setattr(database, "_connection", Deaf())
    with pytest.raises(StoreUnavailable, match="not known whether the commit happened"):
        _write_and(database, lambda _: None)
    assert len(place.run("SELECT * FROM receipts")) == 1
    ping(database)


def test_a_transaction_begins_while_the_commit_of_another_is_under_way(
    place: TestDatabase,
) -> None:
    database = place.open()

    async def scene(other: core.SqliteConnection) -> None:
        other.run("BEGIN IMMEDIATE")
        first = asyncio.create_task(_commit(database, COUNT))
        begun = asyncio.Event()
        second = asyncio.create_task(_commit(database, COUNT_ANOTHER, begun))
        await asyncio.wait_for(begun.wait(), PATIENCE)
        assert not first.done(), "its commit was not held up: this shows nothing"
        other.run("ROLLBACK")
        await asyncio.gather(first, second)

    with closing(core.SqliteConnection.open(place.path, 1.0)) as other:
        waited(scene(other))
    assert _counted(place) == ["t", "u"]


@pytest.mark.parametrize("hops", [1, 2])
def test_a_commit_that_fails_undoes_no_other_silently(place: TestDatabase, hops: int) -> None:
    database = place.open()
    _have_commits_fail_at_orphans(place)

    async def scene() -> tuple[object, object]:
        first = _commit(database, ORPHAN)
        second = _commit(database, COUNT) if hops == 1 else _commit_in_two_hops(database, COUNT)
        return await asyncio.gather(first, second, return_exceptions=True)

    failed, told = waited(scene())
    assert isinstance(failed, StoreUnavailable)
    assert "not known whether the commit happened" in str(failed)
    durable = _counted(place) == ["t"]
    if isinstance(told, StoreUnavailable):
        assert not durable or "not known" in str(told)
    else:
        assert (told, durable) == (None, True)
    assert not place.run("SELECT * FROM children")
    ping(database)


@pytest.mark.parametrize("hoped_for", [None, 0, 1])
def test_what_gives_other_than_was_hoped_for_leaves_no_trace_and_holds_up_nobody(
    place: TestDatabase, hoped_for: int | None
) -> None:
    database = place.open()
    assert database.at_once is not None
    given = waited(database.at_once(Asked(COUNT, hoped_for=hoped_for)))
    assert (given is None, _counted(place)) == ((True, []) if hoped_for else (False, ["t"]))
    waited(asyncio.wait_for(_commit(database, COUNT_ANOTHER), PATIENCE))
    assert "u" in _counted(place)


def test_whoever_is_gone_during_a_transaction_leaves_no_trace_and_holds_up_nobody(
    place: TestDatabase,
) -> None:
    database = place.open()

    async def scene() -> None:
        begun = asyncio.Event()
        gone = asyncio.create_task(_run_and_wait_for_ever(database, begun))
        await asyncio.wait_for(begun.wait(), PATIENCE)
        gone.cancel()
        await asyncio.wait_for(_commit(database, COUNT_ANOTHER), PATIENCE)
        await asyncio.wait([gone])

    waited(scene())
    assert _counted(place) == ["u"]


@pytest.mark.parametrize("value", [2**63, "\ud800", 1.5])
def test_a_value_that_cannot_be_bound_holds_up_nobody(place: TestDatabase, value: Any) -> None:  # noqa: ANN401 - of any type
    database = place.open()

    async def scene() -> None:
        with pytest.raises((OverflowError, UnicodeError, TypeError)):
            await _commit(database, SAY, value=value)
        await asyncio.wait_for(_commit(database, COUNT), PATIENCE)

    waited(scene())
    assert _counted(place) == ["t"]


def test_a_database_that_went_away_comes_back(place: TestDatabase) -> None:
    database = place.open()
    away = place.path.with_suffix(".away")
    database.close()
    place.path.rename(away)
    with pytest.raises(StoreUnavailable, match="nothing was changed"):
        ping(database)
    assert not place.path.exists()
    away.rename(place.path)
    ping(database)


def test_a_ping_writes(place: TestDatabase) -> None:
    database = place.open()
    ping(database)
    before = place.path.with_name("kagimori.db-wal").read_bytes()
    ping(database)
    assert place.path.with_name("kagimori.db-wal").read_bytes() != before


def _write_and(database: Database, then: Callable[[WaitedTransaction], object]) -> None:
    with transaction(database) as begun:
        begun.run(Asked(COUNT))
        then(begun)


def _have_commits_fail_at_orphans(place: TestDatabase) -> None:
    """Have SQLite find out at the COMMIT that a row has no parent."""
    with closing(core.SqliteConnection.open(place.path, 1.0)) as connection:
        connection.run("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        connection.run(
            "CREATE TABLE children "
            "(parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)"
        )


def _counted(place: TestDatabase) -> list[object]:
    return [row["tenant"] for row in place.run("SELECT * FROM receipts ORDER BY tenant")]


async def _commit(
    database: Database, one: Statement, begun: asyncio.Event | None = None, **values: Value
) -> None:
    async with database.transaction() as transaction:
        if begun:
            begun.set()
        await transaction.commit(Asked(one, values))


async def _commit_in_two_hops(database: Database, one: Statement) -> None:
    async with database.transaction() as transaction:
        await transaction.run(Asked(one))
        await transaction.commit()


async def _run_and_wait_for_ever(database: Database, begun: asyncio.Event) -> None:
    async with database.transaction() as transaction:
        await transaction.run(Asked(COUNT))
        begun.set()
        await asyncio.Event().wait()
