# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `CardStore`."""

from __future__ import annotations

from typing import Final

from kagimori.adapters.sql.database import Asked, Database, Row, Transaction, Value, carried_out
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.times import microseconds_of, moment
from kagimori.application.enrollment.ports import Done, Stale
from kagimori.application.grid_cards.ports import (
    Card,
    Challenge,
    Given,
    GridVerdict,
    Line,
    Seen,
    card_identity,
)
from kagimori.domain.grid_card import CardState, GridOutcome, Pair
from kagimori.domain.policy import Attempts
from kagimori.domain.token import CustodyLabel, SealedSeed

_CHANGES: Final = {
    "state": "text",
    "generation": "integer",
    "failures": "integer",
    "day": "date",
    "day_failures": "integer",
    "unlock_failures": "integer",
    "first_place": "integer",
    "second_place": "integer",
    "challenge_id": "uuid",
    "answer_by": "bigint",
    "answered_by": "uuid",
    "fingerprint": "text",
    "outcome": "text",
    "attempts_left": "integer",
}
"""All that ever changes of a customer's card, with its type: see `_changes`."""

_LOOK: Final = statement(
    """
SELECT c.card_id, c.number, c.custody, c.seed_length, c.key_version, c.wrap_format, c.blob,
       c.row_mac, {changes}
FROM grid_cards c WHERE c.tenant = :tenant AND c.subscriber = :subscriber
""",
    parts={"changes": ", ".join(f"c.{column}" for column in _CHANGES)},
)

# Whatever changes a card raises its generation: nothing is overwritten unseen.
_CHANGE: Final = statement(
    """
{batch}
UPDATE grid_cards SET {changes}
{from_batch}
WHERE grid_cards.tenant = b.tenant AND grid_cards.card_id = b.card_id
  AND grid_cards.generation = b.seen_generation AND grid_cards.state <> 'REPLACED'
RETURNING 1
""",
    batch={"tenant": "text", "card_id": "text", "seen_generation": "integer", **_CHANGES},
    parts={"changes": ", ".join(f"{column} = b.{column}" for column in _CHANGES)},
)

_AUDIT: Final = statement(
    """
INSERT INTO audit (at, tenant, actor, action, token_id, serial, request_id, outcome)
VALUES ({now}, :tenant, :actor, :action, :card_id, :number, :request_id, :outcome)
"""
)


class SqlGridCards:
    """Each call is one transaction, and goes on where its caller goes away."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    async def look(self, tenant: str, subscriber: str) -> Seen | None:
        """See `CardStore.look`."""
        asked = Asked(_LOOK, {"tenant": tenant, "subscriber": subscriber})

        async def work(begun: Transaction) -> Seen | None:
            (rows,) = await begun.commit(asked)
            if not rows:
                return None
            return Seen(moment(begun.now), _card(tenant, subscriber, rows[0]))

        return await carried_out(self._database, work)

    async def change(self, seen: Card, becomes: Card, line: Line | None = None) -> Done | Stale:
        """See `CardStore.change`."""
        identity = seen.identity
        key = identity.tenant, identity.token_id, seen.generation
        changing = Asked(_CHANGE, {}, [(*key, *_changes(becomes))])

        async def work(begun: Transaction) -> Done | Stale:
            if line is None:
                (changed,) = await begun.commit(changing)
                return Done() if changed else Stale()
            (changed,) = await begun.run(changing)
            if not changed:
                await begun.commit()
                return Stale()
            await begun.commit(_written(seen, line))
            return Done()

        return await carried_out(self._database, work)


def _card(tenant: str, subscriber: str, row: Row) -> Card:
    card_id, number, custody, length, version, wrap_format, blob, row_mac, *changes = row
    sealed = SealedSeed(blob, wrap_format, version, length, CustodyLabel(custody))
    (
        state, generation, failures, day, day_failures, unlock_failures, first, second,
        challenge_id, answer_by, answered_by, fingerprint, outcome, attempts_left,
    ) = changes  # fmt: skip
    challenge = given = verdict = None
    if challenge_id is not None:
        challenge = Challenge(challenge_id, Pair(first, second), moment(answer_by))
    if outcome is not None:
        verdict = GridVerdict(GridOutcome(outcome), attempts_left)
    if answered_by is not None:
        given = Given(answered_by, bytes.fromhex(fingerprint), verdict)
    return Card(
        card_identity(tenant, card_id, number, subscriber, sealed),
        row_mac,
        CardState(state),
        generation,
        Attempts(failures, day, day_failures, unlock_failures),
        challenge,
        given,
    )


def _changes(card: Card) -> tuple[Value, ...]:
    """Return the values of `_CHANGES`."""
    spent, challenge, given = card.spent, card.challenge, card.given
    pair = None if challenge is None else challenge.pair
    verdict = None if given is None else given.verdict
    return (
        card.state,
        card.generation,
        spent.failures,
        spent.day,
        spent.day_failures,
        spent.unlock_failures,
        None if pair is None else pair.first,
        None if pair is None else pair.second,
        None if challenge is None else challenge.challenge_id,
        None if challenge is None else microseconds_of(challenge.answer_by),
        None if given is None else given.request_id,
        None if given is None else given.fingerprint.hex(),
        None if verdict is None else verdict.outcome,
        None if verdict is None else verdict.attempts_left,
    )


def _written(card: Card, line: Line) -> Asked:
    identity = card.identity
    values: dict[str, Value] = {
        "tenant": identity.tenant,
        "actor": line.actor,
        "action": line.action,
        "card_id": identity.token_id,
        "number": identity.serial,
        "request_id": line.request_id,
        "outcome": line.outcome,
    }
    return Asked(_AUDIT, values)
