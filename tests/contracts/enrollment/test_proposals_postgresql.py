# SPDX-License-Identifier: Apache-2.0
"""On PostgreSQL an approval can meet another transaction halfway."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest

from contracts.enrollment.proposal_bench import approve, proposed, rows
from contracts.sql_bench import SqlBench
from kagimori.application.assistance.ports import Proposal
from kagimori.application.enrollment.ports import Stale
from support.waiting import PATIENCE

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


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
