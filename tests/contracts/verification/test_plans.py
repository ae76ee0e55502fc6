# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL goes to every row of a verification by a key, also where its tables look empty.

A process keeps its plans from its first statements on. One that reads a table from end to
end is quick while there are few rows, and no test of so few would ever notice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import psycopg
import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import again, claim_all, claim_of, settle_all
from contracts.verification.batch_contract import claims_of, found, tokens
from contracts.verification.signature_batch_contract import signed_by
from contracts.verification.signature_bench import challenge, signature_of, signing_seeds
from kagimori.adapters.sql.postgresql import SESSION
from kagimori.adapters.sql.wire import Answer, Connection, Sent
from kagimori.application.ports import BySerial, Finding
from kagimori.domain.policy import Operation
from kagimori.domain.transaction import SigningProfile
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster

MANY = 8


@pytest.fixture
def place(cluster: Cluster) -> Iterator[PostgresqlTestDatabase]:
    with closing(PostgresqlTestDatabase(cluster)) as made:
        yield made


def test_no_statement_reads_a_table_from_end_to_end(
    place: PostgresqlTestDatabase, cluster: Cluster
) -> None:
    statements = _statements(SqlBench(place))
    assert len(statements) > 10
    with psycopg.connect(cluster.create_database(), autocommit=True) as young:
        assert not _readings(young, statements)


def test_a_request_is_looked_for_by_its_key_where_none_was_counted(
    place: PostgresqlTestDatabase, cluster: Cluster
) -> None:
    (opening,) = (
        each for each in _statements(SqlBench(place)) if "INSERT INTO requests" in each.statement
    )
    with psycopg.connect(cluster.create_database(), autocommit=True) as young:
        young.execute("ANALYZE")
        assert not _readings(young, [opening])


def _readings(connection: psycopg.Connection, statements: Sequence[Sent]) -> list[tuple[str, Any]]:
    """Return each statement that reads a table without a key, and how."""
    connection.execute(SESSION.encode())
    return [
        (" ".join(each.statement.split()), scan)
        for each in statements
        for scan in _scans(_plan(connection, each))
        if "Index Cond" not in scan
    ]


def _statements(bench: SqlBench) -> list[Sent]:
    """Return what verifications send, once each: logins, signatures, and all that is refused."""
    sent: dict[str, Sent] = {}
    bench.inventory.add(tokens(MANY), "importer")
    signing_seeds(bench)
    converse = Connection.converse

    async def listening(connection: Connection, asked: Sequence[Sent]) -> list[Answer]:
        sent.update({each.statement: each for each in asked if each.values})
        return await converse(connection, asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "converse", listening)
        _live(bench)
    return list(sent.values())


def _live(bench: SqlBench) -> None:
    logins = claims_of(range(4))
    unknown = [claim_of(BySerial("NONE"), operation=operation) for operation in Operation]
    findings = [Finding.FRESH, Finding.NONE, Finding.SPENT, Finding.NO_RESULT]
    answers = claim_all(bench.store, [*logins, *unknown])
    # While they are under way, and from another process that then goes on.
    claim_all(bench.store, [*claims_of(range(4)), *map(again, logins)])
    settle_all(bench.store, found(logins, answers[:4], findings))
    claim_all(bench.store, [*map(again, logins), *claims_of(range(4))])
    bench.expire_leases()
    claim_all(bench.store, [again(each) for each in logins])
    for number, profile in enumerate(SigningProfile, start=4):
        signed = challenge(bench, number, profile=profile)
        claim = signature_of(signed, number)
        (granted,) = claim_all(bench.store, [claim])
        step = 7 if profile is SigningProfile.TYPED else None
        settle_all(bench.store, [signed_by(claim, granted, step)])
        claim_all(bench.store, [signature_of(signed, number)])


def _plan(connection: psycopg.Connection, sent: Sent) -> dict[str, Any]:
    """Return the plan that a process keeps, whatever the values are."""
    assert sent.values
    connection.execute(f"PREPARE kept AS {sent.statement}".encode())
    values = ", ".join(["NULL"] * len(sent.values))
    explained = connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE kept ({values})".encode())
    (([told],),) = explained.fetchall()
    connection.execute("DEALLOCATE kept")
    plan: dict[str, Any] = told["Plan"]
    return plan


def _scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield how a plan gets at tables."""
    if "Scan" in plan["Node Type"] and "Relation Name" in plan and plan["Node Type"] != "Tid Scan":
        yield plan
    for part in plan.get("Plans", ()):
        yield from _scans(part)
