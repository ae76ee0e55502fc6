# SPDX-License-Identifier: Apache-2.0
"""What a signature needs besides a code: its challenge, its seed, and the end of both.

Each is one statement for a whole batch, and none for a batch without signatures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from kagimori.adapters.sql.database import Asked, Row, Transaction, Value
from kagimori.adapters.sql.dialect import Returning, statement
from kagimori.adapters.sql.lives import Changed
from kagimori.adapters.sql.rows import SECOND, second_token
from kagimori.adapters.sql.verification.requests import ANSWERABLE, CHALLENGED, Key, key_of
from kagimori.application.ports import Claim, Finding, Refused, Settlement, SigningSeed
from kagimori.domain.errors import ChallengeOver, TransactionChanged
from kagimori.domain.policy import Operation
from kagimori.domain.token import Token
from kagimori.domain.transaction import SigningProfile

_PROFILES: Final = {word.value: word for word in SigningProfile}

_ASKED: Final = {"tenant": "text", "request_id": "uuid", "lease": "uuid", "challenge_id": "uuid"}

# Whoever has just taken the token is the only one to end its challenges, and to spend its
# seed's steps. What was ended before that, by whoever had it, is seen to be over here.
_SEEDS: Final = statement(
    """
{batch}
SELECT b.tenant, b.request_id,
  (SELECT c.profile FROM challenges c
   WHERE c.tenant = b.tenant AND c.challenge_id = b.challenge_id AND c.token_id = r.token_id
     AND c.state = 'OPEN'),
  s.last_step, {second}
FROM requests r
LEFT JOIN signing_seeds s ON s.tenant = r.tenant AND s.token_id = r.token_id
{and_batch}
WHERE r.tenant = b.tenant AND r.request_id = b.request_id AND r.lease = b.lease
""",
    batch=_ASKED,
    parts={"second": ", ".join(f"s.{column}" for column in SECOND)},
)

_ANSWERABLE: Final = statement(
    """
{batch}
SELECT b.tenant, b.request_id, c.digest FROM {challenged} {and_batch} WHERE {answerable}
""",
    batch={
        "tenant": "text",
        "request_id": "uuid",
        "subscriber": "text",
        "challenge_id": "uuid",
    },
    parts={"challenged": CHALLENGED, "answerable": ANSWERABLE},
)

# Only while the verification is in time: its token is still to be settled, and by that
# two answers to one challenge come one after the other. An EXISTS instead of the two
# subqueries below PostgreSQL joins, and goes through all of a tenant's rows for each.
_USE: Final = statement(
    """
{batch}
UPDATE challenges SET state = 'USED', used_by = b.request_id
{from_batch}
WHERE challenges.tenant = b.tenant AND challenges.challenge_id = b.challenge_id
  AND challenges.state = 'OPEN' AND challenges.token_id = b.token_id
  AND challenges.digest = b.digest
  AND (SELECT r.lease FROM requests r
    WHERE r.tenant = b.tenant AND r.request_id = b.request_id AND r.lease_until > {now}) = b.lease
{returning}
""",
    batch={
        "tenant": "text",
        "token_id": "text",
        "request_id": "uuid",
        "lease": "uuid",
        "challenge_id": "uuid",
        "digest": "text",
    },
    returning=Returning("b.lease", ""),
)

# After `_USE`: where the challenge was not this request's to end, no step is spent.
_STEP: Final = statement(
    """
{batch}
UPDATE signing_seeds SET last_step = b.step
{from_batch}
WHERE signing_seeds.tenant = b.tenant AND signing_seeds.token_id = b.token_id
  AND signing_seeds.last_step < b.step
  AND (SELECT c.used_by FROM challenges c
    WHERE c.tenant = b.tenant AND c.challenge_id = b.challenge_id) = b.request_id
{returning}
""",
    batch={
        "tenant": "text",
        "token_id": "text",
        "request_id": "uuid",
        "lease": "uuid",
        "challenge_id": "uuid",
        "step": "bigint",
    },
    returning=Returning("b.lease", ""),
)

Seeds = Mapping[Key, Row]
"""Rows of signing seeds by the requests that took their tokens."""


def seeds(claims: Sequence[Claim]) -> Sequence[Asked]:
    """Return what reads the seeds of the signatures among ``claims``, once they are opened."""
    rows: list[tuple[Value, ...]] = [
        (*key_of(claim), claim.lease, claim.signed.challenge_id)
        for claim in claims
        if claim.signed is not None
    ]
    return (Asked(_SEEDS, {}, rows),) if rows else ()


def taken(claims: Sequence[Claim], given: Iterator[list[Row]]) -> Seeds:
    """Take what `seeds` of the same ``claims`` gave."""
    if all(claim.signed is None for claim in claims):
        return {}
    return {(row[0], row[1]): row[2:] for row in next(given)}


def is_over(claim: Claim, row: Row | None) -> bool:
    """Return whether a signature's challenge was ended while its token was taken."""
    return claim.signed is not None and (row is None or row[0] is None)


def seed_of(token: Token, row: Row | None) -> SigningSeed | None:
    """Return the token's seed of a row of `Seeds`, if there is one."""
    if row is None or row[1] is None:
        return None
    profile, last_step, *second = row
    return SigningSeed(second_token(token, tuple(second), last_step), _PROFILES[profile])


async def seed_again(transaction: Transaction, claim: Claim) -> Row | None:
    """Return the row of `Seeds` of one signature whose token was taken over; None of all else."""
    given = await transaction.run(*seeds([claim])) if claim.signed else []
    return taken([claim], iter(given)).get(key_of(claim))


async def refusals(transaction: Transaction, claims: Sequence[Claim]) -> list[Refused | None]:
    """Return why each claim's challenge cannot be answered; None where it can, or there is none.

    It is over, too, where it is unknown, and where its token is not the customer's.
    """
    rows: list[tuple[Value, ...]] = [
        (*key_of(claim), claim.subject.value, claim.signed.challenge_id)
        for claim in claims
        if claim.signed is not None
    ]
    found = (await transaction.run(Asked(_ANSWERABLE, {}, rows)))[0] if rows else []
    digests = {(tenant, request_id): digest for tenant, request_id, digest in found}
    return [_refusal(claim, digests.get(key_of(claim))) for claim in claims]


def _refusal(claim: Claim, digest: str | None) -> Refused | None:
    if claim.operation is not Operation.SIGNATURE:
        return None
    if claim.signed is None or digest is None:
        return Refused(ChallengeOver())
    return None if claim.signed.digest.hex() == digest else Refused(TransactionChanged())


class Endings:
    """The right signatures of a batch: each ends its challenge, and spends its step."""

    def __init__(self, settlements: Sequence[Settlement]) -> None:
        """Look through ``settlements``."""
        self._signed = [each for each in settlements if each.finding is Finding.SIGNED]
        self._timed = [each for each in self._signed if each.step is not None]

    def ending(self) -> Sequence[Asked]:
        """Return what ends the challenges and then spends the steps, before tokens are settled."""
        used = [_use(each) for each in self._signed]
        spent = [_step(each) for each in self._timed]
        return (
            *((Asked(_USE, {}, used, len(used)),) if used else ()),
            *((Asked(_STEP, {}, spent, len(spent)),) if spent else ()),
        )

    def take(self, given: Iterator[list[Row]]) -> None:
        """Take what `ending` gave."""
        self._used = {lease for (lease,) in next(given)} if self._signed else set()
        self._spent = {lease for (lease,) in next(given)} if self._timed else set()

    def insist(self, settled: set[str]) -> None:
        """Raise `Changed` where a signature was settled in part only.

        ``settled`` are the leases that settled their tokens.
        """
        for each in self._signed:
            lease = each.claim.lease
            parts = {lease in settled, lease in self._used}
            if each.step is not None:
                parts.add(lease in self._spent)
            if len(parts) > 1:
                raise Changed


def _use(settlement: Settlement) -> tuple[Value, ...]:
    claim, token = settlement.claim, settlement.granted
    if token is None or claim.signed is None:
        raise ValueError("SIGNED is a finding about a challenge and a token")
    return (
        claim.tenant,
        token.identity.token_id,
        claim.request_id,
        claim.lease,
        claim.signed.challenge_id,
        claim.signed.digest.hex(),
    )


def _step(settlement: Settlement) -> tuple[Value, ...]:
    tenant, token_id, request_id, lease, challenge_id, _ = _use(settlement)
    return tenant, token_id, request_id, lease, challenge_id, settlement.step
