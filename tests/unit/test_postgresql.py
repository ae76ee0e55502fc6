# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: a commit is durable, or the caller is told that it may not be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from kagimori.adapters.sql.connection import open_database
from kagimori.adapters.sql.database import (
    Asked,
    ConstraintViolated,
    Database,
    DatabaseRefused,
    Transaction,
    Undone,
    ValueRefused,
    transacted,
)
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.postgresql import PostgresqlDatabase, PostgresqlTransaction
from kagimori.adapters.sql.wire import Connection
from kagimori.domain.errors import StoreUnavailable
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import ROLE_WITH_PASSWORD, Cluster
from support.databases.proxy import Proxy
from support.waiting import WaitedTransaction, ping, transaction, waited

COUNT = statement("INSERT INTO receipts VALUES ('t', 1)")
COUNT_UP = statement("UPDATE receipts SET last_number = last_number + 1 WHERE tenant = :tenant")
NOTHING = statement("SELECT * FROM nothing")
DIVIDE = statement("SELECT 1 / (:divisor)::int")
DEADLOCK = statement("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$")
PASSWORD = "correct horse"


@pytest.fixture
def place(cluster: Cluster) -> Iterator[PostgresqlTestDatabase]:
    database = PostgresqlTestDatabase(cluster)
    yield database
    database.close()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_that_forgets_is_refused(
    cluster: Cluster, place: PostgresqlTestDatabase, setting: str
) -> None:
    with (
        _configured(cluster, f"ALTER SYSTEM SET {setting} = off"),
        pytest.raises(DatabaseRefused, match=f"{setting} must not be off"),
    ):
        place.open()
    ping(place.open())


@pytest.mark.parametrize(
    ("statement", "undo"),
    [
        ("ALTER DATABASE {} SET synchronous_commit = off", "ALTER DATABASE {} RESET ALL"),
        ("ALTER ROLE kagimori SET synchronous_commit = off", "ALTER ROLE kagimori RESET ALL"),
    ],
)
def test_a_role_or_database_that_forgets_is_refused(
    cluster: Cluster, place: PostgresqlTestDatabase, statement: str, undo: str
) -> None:
    name = place.url.rpartition("/")[2]
    cluster.run(statement.format(name))
    try:
        with pytest.raises(DatabaseRefused, match="synchronous_commit must not be off"):
            place.open()
    finally:
        cluster.run(undo.format(name))


def test_a_server_that_turned_forgetful_is_unavailable_at_the_next_connection(
    cluster: Cluster, place: PostgresqlTestDatabase
) -> None:
    database = place.open()
    with _configured(cluster, "ALTER SYSTEM SET fsync = off"):
        database.close()
        with pytest.raises(StoreUnavailable, match="nothing was changed"):
            ping(database)
    ping(database)


def test_a_read_only_database_is_refused(cluster: Cluster, place: PostgresqlTestDatabase) -> None:
    cluster.run(
        f"ALTER DATABASE {place.url.rpartition('/')[2]} SET default_transaction_read_only = on"
    )
    with pytest.raises(DatabaseRefused, match="read-only"):
        place.open()


def test_a_server_that_is_not_there_is_refused(cluster: Cluster) -> None:
    with pytest.raises(DatabaseRefused, match="cannot use the PostgreSQL database"):
        open_database(cluster.url("no_such_database"))


def test_a_password_is_used_and_never_shown(cluster: Cluster) -> None:
    url = cluster.create_database()
    name = url.rpartition("/")[2]
    cluster.run(f"CREATE ROLE {ROLE_WITH_PASSWORD} LOGIN PASSWORD '{PASSWORD}'")
    cluster.run(f"GRANT CONNECT ON DATABASE {name} TO {ROLE_WITH_PASSWORD}")
    theirs = cluster.url(name, ROLE_WITH_PASSWORD)
    database = open_database(theirs, PASSWORD)
    ping(database)
    database.close()
    with pytest.raises(DatabaseRefused, match="password authentication failed") as refusal:
        open_database(theirs, "battery staple")
    assert "staple" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_the_clock_is_the_servers_in_utc_microseconds(place: PostgresqlTestDatabase) -> None:
    with transaction(place.open()) as begun:
        begun.run(Asked(COUNT))
        assert abs(begun.now / 1_000_000 - time.time()) < 60


def test_an_error_of_the_block_undoes_it(place: PostgresqlTestDatabase) -> None:
    database = place.open()
    with pytest.raises(ZeroDivisionError):
        _write_and(database, lambda _: 1 // 0)
    assert not place.run("SELECT * FROM receipts")
    ping(database)


def test_a_failed_statement_is_unavailability_without_a_trace(
    place: PostgresqlTestDatabase,
) -> None:
    database = place.open()
    with pytest.raises(StoreUnavailable, match="nothing was changed"):
        _write_and(database, lambda begun: begun.run(Asked(NOTHING)))
    assert not place.run("SELECT * FROM receipts")
    ping(database)


def test_a_value_it_does_not_take_is_no_outage(place: PostgresqlTestDatabase) -> None:
    with pytest.raises(ValueRefused, match="22012"):
        _write_and(place.open(), lambda begun: begun.run(Asked(DIVIDE, {"divisor": 0})))


def test_a_constraint_is_named(place: PostgresqlTestDatabase) -> None:
    with pytest.raises(ConstraintViolated, match=r"^pk_receipts$") as violated:
        _write_and(place.open(), lambda begun: begun.run(Asked(COUNT)))
    assert violated.value.__suppress_context__, "PostgreSQL's words quote the row"


def test_what_was_undone_for_others_is_begun_anew(place: PostgresqlTestDatabase) -> None:
    turns = []

    async def work(begun: Transaction) -> int:
        turns.append(await begun.run(Asked(COUNT)))
        if len(turns) < 3:
            await begun.run(Asked(DEADLOCK))
        return len(turns)

    assert waited(transacted(place.open(), work)) == 3
    assert len(place.run("SELECT * FROM receipts")) == 1


def test_what_is_undone_again_and_again_is_unavailable(place: PostgresqlTestDatabase) -> None:
    async def work(_begun: Transaction) -> None:
        raise Undone

    with pytest.raises(StoreUnavailable, match="nothing was changed"):
        waited(transacted(place.open(), work))


def test_a_backend_killed_between_statements_changed_nothing(
    place: PostgresqlTestDatabase,
) -> None:
    database = place.open()

    def kill_and_go_on(begun: WaitedTransaction) -> None:
        _kill(place, begun)
        begun.run(Asked(COUNT_UP, {"tenant": "t"}))

    with pytest.raises(StoreUnavailable, match="nothing was changed"):
        _write_and(database, kill_and_go_on)
    assert not place.run("SELECT * FROM receipts")
    ping(database)


def test_a_backend_killed_before_the_commit_leaves_it_unknown(
    place: PostgresqlTestDatabase,
) -> None:
    database = place.open()
    with pytest.raises(StoreUnavailable, match="not known whether the commit happened"):
        _write_and(database, lambda begun: _kill(place, begun))
    assert not place.run("SELECT * FROM receipts")
    ping(database)


@pytest.mark.parametrize("round_trips", [1, 2])
def test_a_commit_whose_reply_is_lost_is_not_called_undone(
    cluster: Cluster, place: PostgresqlTestDatabase, round_trips: int
) -> None:
    with _through_proxy(cluster, place) as (proxy, database):
        with (
            proxy.losing_replies_to_commits(),
            pytest.raises(StoreUnavailable, match="not known whether the commit happened"),
        ):
            _write_in(database, round_trips)
        assert (proxy.cuts, len(place.run("SELECT * FROM receipts"))) == (1, 1)
        ping(database)


@pytest.mark.parametrize("round_trips", [1, 2])
def test_a_commit_that_is_lost_is_not_called_done(
    cluster: Cluster, place: PostgresqlTestDatabase, round_trips: int
) -> None:
    with _through_proxy(cluster, place) as (proxy, database):
        with (
            proxy.losing_commits(),
            pytest.raises(StoreUnavailable, match="not known whether the commit happened"),
        ):
            _write_in(database, round_trips)
        assert (proxy.cuts, len(place.run("SELECT * FROM receipts"))) == (1, 0)
        ping(database)


def test_an_error_in_the_round_trip_of_the_commit_changed_nothing(
    cluster: Cluster, place: PostgresqlTestDatabase
) -> None:
    with _through_proxy(cluster, place) as (proxy, database):
        with (
            proxy.losing_replies_to_commits(),
            pytest.raises(ConstraintViolated, match=r"^pk_receipts$"),
            transaction(database) as begun,
        ):
            begun.commit(Asked(COUNT), Asked(COUNT))
        assert (proxy.cuts, place.run("SELECT * FROM receipts")) == (0, [])
        _write_in(database, 1)
    assert len(place.run("SELECT * FROM receipts")) == 1


def test_a_wire_that_is_cut_costs_one_call(cluster: Cluster, place: PostgresqlTestDatabase) -> None:
    with _through_proxy(cluster, place) as (proxy, database):
        assert isinstance(database, PostgresqlDatabase)
        with transaction(database), transaction(database), transaction(database):
            pass
        assert len(database._idle) == 3
        proxy.cut()
        with pytest.raises(StoreUnavailable):
            ping(database)
        ping(database)


def test_a_server_that_falls_silent_is_given_up(
    cluster: Cluster, place: PostgresqlTestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _through_proxy(cluster, place) as (proxy, database):
        ping(database)
        monkeypatch.setattr(Connection.wait, "__defaults__", (0.01, 0.3))
        with proxy.swallowing(), pytest.raises(StoreUnavailable, match="nothing was changed"):
            _write_and(database, lambda _: None)
        ping(database)
        with (
            proxy.swallowing(),
            pytest.raises(StoreUnavailable, match="not known whether the commit happened"),
        ):
            ping(database)
        ping(database)
        assert not place.run("SELECT * FROM receipts")


def test_a_server_that_falls_silent_before_it_is_connected_to_is_given_up(
    cluster: Cluster, place: PostgresqlTestDatabase
) -> None:
    with _through_proxy(cluster, place) as (proxy, database):
        with proxy.swallowing(), pytest.raises(StoreUnavailable, match="nothing was changed"):
            ping(database)
        ping(database)


def test_who_is_cancelled_waits_for_no_silent_server(
    cluster: Cluster, place: PostgresqlTestDatabase
) -> None:
    async def hang_up(database: Database) -> bool:
        asking = asyncio.create_task(database.ping())
        await asyncio.sleep(0.1)
        asking.cancel()
        # The server itself would be given up after three seconds.
        await asyncio.wait({asking}, timeout=2)
        return asking.cancelled()

    with _through_proxy(cluster, place) as (proxy, database):
        ping(database)
        with proxy.swallowing():
            assert waited(hang_up(database))
        ping(database)


def test_a_server_that_restarts_costs_no_restart_of_ours(
    cluster: Cluster, place: PostgresqlTestDatabase
) -> None:
    database = place.open()
    cluster.stop("immediate")
    try:
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="nothing was changed"):
                ping(database)
    finally:
        cluster.start()
    ping(database)


def test_a_warning_at_the_commit_is_not_passed_over(place: PostgresqlTestDatabase) -> None:
    # A standby that was not waited for is told of in this way only.
    _say_at_each_commit(place, "WARNING")
    with pytest.raises(StoreUnavailable, match="not known"):
        _write_and(place.open(), lambda _: None)


def test_a_notice_is_no_warning(place: PostgresqlTestDatabase) -> None:
    _say_at_each_commit(place, "NOTICE")
    _write_and(place.open(), lambda _: None)
    assert len(place.run("SELECT * FROM receipts")) == 1


def test_a_ping_writes_and_flushes(place: PostgresqlTestDatabase) -> None:
    database = place.open()
    flushed = "SELECT pg_current_wal_flush_lsn() AS at"
    (before,) = place.run(flushed)
    ping(database)
    (after,) = place.run(flushed)
    assert after["at"] != before["at"]


def _say_at_each_commit(place: PostgresqlTestDatabase, severity: str) -> None:
    place.run(f"""
        CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE {severity} 'not replicated'; RETURN NULL; END $$
    """)
    place.run("""
        CREATE CONSTRAINT TRIGGER say AFTER INSERT ON receipts
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION say()
    """)


@contextmanager
def _configured(cluster: Cluster, change: str) -> Iterator[None]:
    cluster.run(change)
    cluster.reload()
    try:
        yield
    finally:
        cluster.run("ALTER SYSTEM RESET ALL")
        cluster.reload()


@contextmanager
def _through_proxy(
    cluster: Cluster, place: PostgresqlTestDatabase
) -> Iterator[tuple[Proxy, Database]]:
    with Proxy(cluster.port) as proxy:
        database = open_database(cluster.url(place.url.rpartition("/")[2], port=proxy.port))
        yield proxy, database
        database.close()


def _write_and(database: Database, then: Callable[[WaitedTransaction], object]) -> None:
    with transaction(database) as begun:
        begun.run(Asked(COUNT))
        then(begun)


def _write_in(database: Database, round_trips: int) -> None:
    """Write, and commit in the same round trip or in one of its own."""
    with transaction(database) as begun:
        if round_trips == 1:
            begun.commit(Asked(COUNT))
        else:
            begun.run(Asked(COUNT))


def _kill(place: PostgresqlTestDatabase, begun: WaitedTransaction) -> None:
    """Do what an administrator, or the kernel, does to one backend."""
    assert isinstance(begun.begun, PostgresqlTransaction)
    place.run("SELECT pg_terminate_backend(?, 5000)", begun.begun.connection.info.backend_pid)
