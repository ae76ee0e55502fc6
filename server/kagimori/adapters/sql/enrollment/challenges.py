# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `ChallengeStore`."""

from __future__ import annotations

from typing import Final

from kagimori.adapters.sql.database import Asked, Database, Row, Transaction, Value, carried_out
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.times import moment, span_of
from kagimori.adapters.sql.verification.requests import WINDOW
from kagimori.application.signing.ports import MOST_OPEN, Before, Hindrance, Made, NewChallenge
from kagimori.domain.transaction import SigningProfile

KEPT: Final = WINDOW
"""Microseconds that a challenge is kept after its time: its answers are told so long."""

# More than a creation adds, so that the table shrinks back after a rush; few, so that
# no call pays for another's past.
_PRUNED: Final = 4

_NEW: Final = {
    "tenant": "text",
    "challenge_id": "uuid",
    "request_id": "uuid",
    "subscriber": "text",
    "profile": "text",
    "digest": "text",
    "valid_for": "bigint",
}

_PARTS: Final = {"in_use": "(t.state = 'ACTIVE' OR t.state = 'LOCKED')"}

_MAKE: Final = statement(
    """
{batch}
INSERT INTO challenges
  (tenant, challenge_id, request_id, subscriber, token_id, profile, digest, state,
   created_at, expires_at)
SELECT b.tenant, b.challenge_id, b.request_id, b.subscriber, t.token_id, b.profile, b.digest,
       'OPEN', {now}, {now} + b.valid_for
FROM tokens t
JOIN signing_seeds s ON s.tenant = t.tenant AND s.token_id = t.token_id {and_batch}
WHERE t.tenant = b.tenant AND t.subscriber = b.subscriber AND {in_use}
ON CONFLICT DO NOTHING
RETURNING expires_at
""",
    batch=_NEW,
    parts=_PARTS,
)

_BEFORE: Final = statement(
    """
SELECT c.challenge_id, c.subscriber, c.profile, c.digest, c.expires_at,
       CASE WHEN c.state = 'OPEN' AND c.expires_at > {now} AND EXISTS
         (SELECT 1 FROM tokens t WHERE t.tenant = c.tenant AND t.token_id = c.token_id
          AND t.subscriber = c.subscriber)
       THEN 0 ELSE 1 END
FROM challenges c WHERE c.tenant = :tenant AND c.request_id = :request_id
"""
)

_TOKEN: Final = statement(
    """
SELECT CASE WHEN EXISTS
  (SELECT 1 FROM signing_seeds s WHERE s.tenant = t.tenant AND s.token_id = t.token_id)
  THEN 1 ELSE 0 END
FROM tokens t WHERE t.tenant = :tenant AND t.subscriber = :subscriber AND {in_use}
""",
    parts=_PARTS,
)

# Whatever is locked is being answered, or forgotten by another.
_FORGET: Final = statement(
    """
DELETE FROM challenges WHERE tenant = :tenant AND challenge_id IN (
  SELECT c.challenge_id FROM challenges c WHERE c.tenant = :tenant AND c.challenge_id IN (
    SELECT o.challenge_id FROM challenges o
    WHERE o.tenant = :tenant AND o.subscriber = :subscriber AND o.state = 'OPEN'
      AND o.expires_at > {now}
    ORDER BY o.created_at DESC, o.challenge_id LIMIT :count OFFSET :most)
  {any_unlocked})
"""
)

_PRUNE: Final = statement(
    """
DELETE FROM challenges WHERE {row} IN (
  SELECT {row} FROM challenges WHERE expires_at <= {now} - :kept
  ORDER BY expires_at LIMIT :count
  {any_unlocked})
"""
)


class SqlChallenges:
    """Each call is one transaction, and goes on where its caller goes away."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    async def make(self, new: NewChallenge) -> Made | Before | Hindrance:
        """See `ChallengeStore.make`."""
        return await carried_out(self._database, lambda begun: _make(begun, new))


async def _make(transaction: Transaction, new: NewChallenge) -> Made | Before | Hindrance:
    named: dict[str, Value] = {"tenant": new.tenant, "subscriber": new.subscriber}
    # What was made before, and the token, are looked at after it: whoever made a
    # challenge by the same request has been waited for.
    made, before, token, _, _ = await transaction.commit(
        Asked(_MAKE, {}, [_values(new)]),
        Asked(_BEFORE, {"tenant": new.tenant, "request_id": new.request_id}),
        Asked(_TOKEN, named),
        Asked(_FORGET, {**named, "most": MOST_OPEN, "count": _PRUNED}),
        Asked(_PRUNE, {"kept": KEPT, "count": _PRUNED}),
    )
    if made:
        ((expires_at,),) = made
        return Made(moment(expires_at))
    if before:
        return _before(before[0])
    if not token:
        return Hindrance.NO_TOKEN
    ((can_sign,),) = token
    return Hindrance.STALE if can_sign else Hindrance.CANNOT_SIGN


def _before(row: Row) -> Before:
    challenge_id, subscriber, profile, digest, expires_at, is_over = row
    return Before(
        challenge_id,
        subscriber,
        SigningProfile(profile),
        bytes.fromhex(digest),
        moment(expires_at),
        bool(is_over),
    )


def _values(new: NewChallenge) -> tuple[Value, ...]:
    """Return a row of `_NEW`."""
    return (
        new.tenant,
        new.challenge_id,
        new.request_id,
        new.subscriber,
        new.profile,
        new.digest.hex(),
        span_of(new.valid_for),
    )
