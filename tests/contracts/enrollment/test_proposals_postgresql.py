# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL keeps the contract of two persons."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest

from contracts.enrollment.decision_contract import DecideContract, RaceContract
from contracts.enrollment.proposal_bench import approve, proposed, rows
from contracts.enrollment.proposal_contract import ListContract, ProposeContract
from contracts.sql_bench import SqlBench
from kagimori.application.assistance.ports import Proposal
from kagimori.application.enrollment.ports import Stale
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster
from support.waiting import PATIENCE


@pytest.fixture
def bench(cluster: Cluster) -> Iterator[SqlBench]:
    database = PostgresqlTestDatabase(cluster)
    yield SqlBench(database)
    database.close()


class TestProposals(ProposeContract):
    pass


class TestDecisions(DecideContract):
    pass


class TestLists(ListContract):
    pass


class TestRaces(RaceContract):
    pass


def test_an_approval_waits_for_who_is_ending_the_tokens_life(bench: SqlBench) -> None:
    made = proposed(bench)
    with psycopg.connect(bench.database.url) as ending, ThreadPoolExecutor(1) as thread:
        ending.execute("UPDATE tokens SET state = 'RETURNED', subscriber = NULL")
        approval = thread.submit(approve, bench, made)
        until_it_waits(bench, approval)
        ending.commit()
        assert approval.result(PATIENCE) == Stale()
    assert rows(bench, "replacements") == []


def until_it_waits(bench: SqlBench, approval: Future[Proposal | Stale]) -> None:
    """Return once it waits for a lock; if it never does, the test's time is over."""
    waits = "SELECT 1 FROM pg_locks WHERE NOT granted"
    while not bench.run(waits):
        assert not approval.done(), "it did not wait"
