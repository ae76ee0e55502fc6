# SPDX-License-Identifier: Apache-2.0
"""On PostgreSQL a letter can be in another transaction's hands."""

from __future__ import annotations

import psycopg
import pytest

from contracts.notification.outbox_bench import OutboxBench
from support.databases.database import AnyDatabase
from support.post.letters import letter

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def bench(database: AnyDatabase) -> OutboxBench:
    return OutboxBench(database)


def test_a_letter_that_another_writes_to_holds_up_no_other(bench: OutboxBench) -> None:
    first, second = letter(), letter()
    bench.post(first, second)
    with psycopg.connect(bench.database.url) as other:
        other.execute("UPDATE outbox SET tries = tries WHERE letter_id = %s", [first.letter_id])
        assert bench.claimer.claimed().letter == second
        assert bench.claimer.claim() is None
    assert bench.claimer.claimed().letter == first
