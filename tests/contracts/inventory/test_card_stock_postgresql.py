# SPDX-License-Identifier: Apache-2.0
"""On PostgreSQL a run of cards can outlive the process that added it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest

from contracts.inventory.card_stock_contract import CardBench
from kagimori.adapters.sql.wire import Answer, Connection, Sent
from kagimori.domain.errors import StoreUnavailable
from support.databases.database import AnyDatabase

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def bench(database: AnyDatabase) -> CardBench:
    return CardBench(database)


def test_nobody_says_that_a_run_was_not_printed_while_one_is_being_added(
    database: AnyDatabase, bench: CardBench
) -> None:
    # The server goes on with a transaction whose client is dead, and may commit it yet.
    with psycopg.connect(database.url) as other:
        other.execute("SELECT pg_advisory_xact_lock(7235478120)")
        with pytest.raises(StoreUnavailable):
            bench.printed()
        with pytest.raises(StoreUnavailable):
            bench.add(bench.cards(["hanako"]))
    assert (bench.printed(), bench.rows()) == (0, [])


def test_the_turn_is_taken_before_anything_else_is_sent(bench: CardBench) -> None:
    # Were it one message, a server could begin with it when nobody knows of it any more.
    with _conversations() as said:
        bench.add(bench.cards(["hanako"]))
    turns = [place for place, one in enumerate(said) if any("advisory" in text for text in one)]
    changes = [place for place, one in enumerate(said) if any("grid_cards" in text for text in one)]
    assert len(turns) == 1
    assert min(changes) > turns[0]


@contextmanager
def _conversations() -> Iterator[list[list[str]]]:
    """Collect what is sent to the server together, each time."""
    said: list[list[str]] = []
    converse = Connection.converse

    async def heard(connection: Connection, asked: Sequence[Sent]) -> list[Answer]:
        said.append([each.statement for each in asked])
        return await converse(connection, asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "converse", heard)
        yield said
