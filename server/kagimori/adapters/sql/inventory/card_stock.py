# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `CardStock`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from kagimori.adapters.sql import audit
from kagimori.adapters.sql.database import (
    Asked,
    ConstraintViolated,
    Database,
    Row,
    Transaction,
    Value,
    carried_out,
    unavailable,
)
from kagimori.adapters.sql.dialect import Statement, statement
from kagimori.application.grid_cards.printing_ports import NewCard
from kagimori.domain.grid_card import CardState

_ROWS: Final = 1_000
"""Of a statement: PostgreSQL ends one that takes long."""

# Whoever prints, or looks whether somebody did, does so alone: a server goes on with
# a transaction for a while whose client has died. SQLite has one writer.
_ALONE: Final = Statement(
    sqlite="SELECT 1",
    reread=None,
    # The number is that of nobody else.
    postgresql="SELECT 1 FROM pg_advisory_xact_lock(7235478120)",
    common=(),
)

_REPLACE: Final = statement(
    """
{batch}
UPDATE grid_cards SET
  state = 'REPLACED', subscriber = NULL, blob = :empty, row_mac = :empty,
  challenge_id = NULL, answer_by = NULL, answered_by = NULL, fingerprint = NULL,
  outcome = NULL, attempts_left = NULL, generation = grid_cards.generation + 1
{from_batch}
WHERE grid_cards.tenant = b.of AND grid_cards.subscriber = b.holder
RETURNING tenant, card_id, number
""",
    batch={"of": "text", "holder": "text"},
)

_COLUMNS: Final = {
    "tenant": "text",
    "card_id": "text",
    "number": "text",
    "subscriber": "text",
    "custody": "text",
    "seed_length": "integer",
    "key_version": "integer",
    "wrap_format": "text",
    "blob": "bytea",
    "row_mac": "bytea",
    "state": "text",
}

_ADD: Final = statement(
    """
{batch}
INSERT INTO grid_cards ({columns}, generation, printed_at)
SELECT {values}, 1, {now} {from_batch}
""",
    batch=_COLUMNS,
    parts={
        "columns": ", ".join(_COLUMNS),
        "values": ", ".join(f"b.{column}" for column in _COLUMNS),
    },
)

_PRINTED: Final = statement(
    "SELECT COUNT(*) FROM grid_cards g WHERE substr(g.card_id, 1, :length) = :run"
)


class SqlCardStock:
    """Each call is one transaction, and goes on where its caller goes away."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    async def add(self, cards: Sequence[NewCard], actor: str) -> int:
        """See `CardStock.add`."""
        try:
            return await carried_out(self._database, partial(_add, cards=cards, actor=actor))
        except ConstraintViolated as violated:
            # A number that another card has, once in a few million years.
            raise unavailable(f"{violated} was broken; nothing was changed") from None

    async def printed(self, run: str) -> int:
        """See `CardStock.printed`."""

        async def work(begun: Transaction) -> int:
            await begun.run(Asked(_ALONE))
            ((count,),) = (await begun.commit(Asked(_PRINTED, {"run": run, "length": len(run)})))[0]
            return int(count)

        return await carried_out(self._database, work)


async def _add(transaction: Transaction, cards: Sequence[NewCard], actor: str) -> int:
    # By itself: were it sent with the rest, the server could begin when we are dead.
    await transaction.run(Asked(_ALONE))
    # In one order, so that it and whoever changes several cards take turns.
    holders = sorted({(each.identity.tenant, each.identity.subscriber) for each in cards})
    asked = [Asked(_REPLACE, {"empty": b""}, part) for part in _parts(holders)]
    replaced = [row for rows in await transaction.run(*asked) for row in rows]
    await transaction.commit(
        *(Asked(_ADD, {}, part) for part in _parts([_row(each) for each in cards])),
        *_written_down("REPLACE_CARD", sorted(replaced), actor),
        *_written_down("PRINT_CARD", [_named(each) for each in cards], actor),
    )
    return len(replaced)


def _written_down(action: str, cards: Sequence[Row], actor: str) -> Iterator[Asked]:
    for part in _parts(cards):
        yield audit.listed(action, part, actor)


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for begin in range(0, len(rows), _ROWS):
        yield rows[begin : begin + _ROWS]


def _named(card: NewCard) -> tuple[str, str, str]:
    identity = card.identity
    return identity.tenant, identity.token_id, identity.serial


def _row(card: NewCard) -> tuple[Value, ...]:
    identity, seed = card.identity, card.identity.seed
    return (
        identity.tenant,
        identity.token_id,
        identity.serial,
        identity.subscriber,
        seed.custody,
        seed.length,
        seed.key_version,
        seed.wrap_format,
        seed.blob,
        card.row_mac,
        CardState.ACTIVE,
    )
