# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL keeps the outbox's contract."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from contracts.notification.outbox_bench import OutboxBench
from contracts.notification.outbox_contract import OutboxContract, ReplayContract
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster
from support.post.letters import letter


@pytest.fixture
def bench(cluster: Cluster) -> Iterator[OutboxBench]:
    database = PostgresqlTestDatabase(cluster)
    yield OutboxBench(database)
    database.close()


class TestOutbox(OutboxContract):
    pass


class TestReplays(ReplayContract):
    pass


def test_a_letter_that_another_writes_to_holds_up_no_other(bench: OutboxBench) -> None:
    first, second = letter(), letter()
    bench.post(first, second)
    with psycopg.connect(bench.database.url) as other:
        other.execute("UPDATE outbox SET tries = tries WHERE letter_id = %s", [first.letter_id])
        assert bench.claimer.claimed().letter == second
        assert bench.claimer.claim() is None
    assert bench.claimer.claimed().letter == first
