# SPDX-License-Identifier: Apache-2.0
"""The request rows: what makes the same request_id give the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from kagimori.adapters.sql.database import Asked, Transaction, Value
from kagimori.adapters.sql.dialect import Returning, Statement, statement
from kagimori.adapters.sql.times import MINUTE, SECOND, moment
from kagimori.application.ports import BySerial, Claim
from kagimori.domain.outcome import Outcome, Receipt, Verdict

LEASE: Final = 5 * SECOND
"""How long a search may take before its result no longer counts."""

WINDOW: Final = 10 * MINUTE
"""How long the same request_id gives the same answer."""

# More than a claim adds, so that the table shrinks back after a rush; few, so
# that no call pays for another's past.
_PRUNED_PER_CLAIM: Final = 4

_TIMES: Final = {"lease": str(LEASE), "window": str(WINDOW)}

# `TAKES_STOCK`.
TAKES_STOCK: Final = "(b.operation = 'REGISTRATION' OR b.operation = 'REPLACE_NEW')"
"""The condition that a claim's token must be nobody's."""

Key = tuple[str, str]
"""A request's name: the tenant and the request_id as text."""

_KEY: Final = {"tenant": "text", "request_id": "uuid"}
_OURS: Final = {**_KEY, "lease": "uuid"}

CLAIM: Final = {
    **_OURS,
    "caller": "text",
    "operation": "text",
    "fingerprint": "text",
    "subscriber": "text",
    "serial": "text",
    "code_length": "integer",
    "today": "date",
    "consecutive": "integer",
    "daily": "integer",
    "since_unlock": "integer",
    "challenge_id": "uuid",
    "digest": "text",
}
"""A claim as a row of input: see `row_of`."""

CHALLENGED: Final = """
challenges c JOIN tokens t
  ON t.tenant = c.tenant AND t.token_id = c.token_id AND t.subscriber = c.subscriber
"""
"""Challenges beside the tokens that they are for, as long as those are the customers'."""

ANSWERABLE: Final = """
c.tenant = b.tenant AND c.challenge_id = b.challenge_id AND c.subscriber = b.subscriber
AND c.state = 'OPEN' AND c.expires_at > {now}
"""
"""The condition that a challenge of `CHALLENGED` can be answered by a claim's customer."""

# An app's token that nobody claimed in time is on its way to be destroyed: there is none.
_NAMED: Final = {
    "named": """
CASE WHEN {takes_stock}
  THEN (t.state = 'IN_STOCK' OR t.state = 'RETURNED')
    AND (t.kind <> 'SOFTWARE' OR t.not_after IS NULL OR t.not_after > {now})
  ELSE t.subscriber IS NOT NULL END
""",
    "takes_stock": TAKES_STOCK,
    "challenged": CHALLENGED,
    "answerable": ANSWERABLE,
}

# Of a signature the token is the challenge's, or none: where the challenge is about
# something else, or over, it is not known here.
# Sorted, so that transactions which open the same requests meet in one order.
OPEN: Final = statement(
    """
{batch}
INSERT INTO requests
  (tenant, request_id, caller, token_id, operation, fingerprint, lease, lease_until, state,
   resumed, created_at)
SELECT b.tenant, b.request_id, b.caller,
  CASE WHEN b.operation = 'SIGNATURE'
  THEN (SELECT t.token_id FROM {challenged} WHERE {answerable} AND c.digest = b.digest)
  ELSE COALESCE(
    (SELECT t.token_id FROM tokens t WHERE t.tenant = b.tenant AND t.subscriber = b.subscriber),
    (SELECT t.token_id FROM tokens t
     WHERE t.tenant = b.tenant AND t.serial = b.serial AND {named})) END,
  b.operation, b.fingerprint, b.lease, {now} + {lease}, 'PENDING', 0, {now}
{from_batch}
{unseen}
{sorted}
ON CONFLICT (tenant, request_id) DO NOTHING
{returning}
""",
    batch=CLAIM,
    parts=_NAMED | _TIMES,
    sorted_by="b.tenant, b.request_id",
    returning=Returning(
        "requests.tenant, requests.request_id, requests.token_id",
        "FROM requests WHERE rowid = last_insert_rowid()",
    ),
)

_FIND: Final = statement(
    """
{batch}
SELECT t.tenant, t.request_id, t.token_id, t.fingerprint, t.lease, t.lease_until, t.state,
       t.outcome, t.receipt_number, t.decided_at, t.attempts_left, t.created_at
FROM requests t {and_batch} WHERE t.tenant = b.tenant AND t.request_id = b.request_id
{skip_locked}
""",
    batch=_KEY,
)

_PASS_ON: Final = statement(
    """
{batch}
UPDATE requests SET lease = b.lease, lease_until = {now} + {lease}, resumed = 1
{from_batch}
WHERE requests.tenant = b.tenant AND requests.request_id = b.request_id
  AND requests.lease = b.old_lease AND requests.state = 'PENDING'
""",
    batch={**_OURS, "old_lease": "uuid"},
    parts=_TIMES,
)

OWNED: Final = """
WHERE requests.tenant = b.tenant AND requests.request_id = b.request_id
  AND requests.lease = b.lease AND requests.state = 'PENDING'
"""

_PARTS: Final = {"owned": OWNED}

_RESUMED: Final = statement(
    """
{batch}
SELECT requests.tenant, requests.request_id FROM requests {and_batch}
{owned} AND requests.resumed = 1
""",
    batch=_OURS,
    parts=_PARTS,
)

_KEEP: Final = statement(
    """
{batch}
UPDATE requests SET lease_until = {now}
{from_batch} {owned} AND requests.lease_until > {now}
RETURNING requests.tenant, requests.request_id
""",
    batch=_OURS,
    parts=_PARTS,
)

_LET_GO: Final = statement(
    """
{batch}
UPDATE requests SET lease_until = {now} {from_batch} {owned}
RETURNING requests.tenant, requests.request_id
""",
    batch=_OURS,
    parts=_PARTS,
)

_FORGET: Final = statement(
    """
{batch}
DELETE FROM requests WHERE {row} IN (
  SELECT t.{row} FROM requests t {and_batch}
  WHERE t.tenant = b.tenant AND t.request_id = b.request_id
  AND t.lease = b.lease AND t.state = 'PENDING')
RETURNING tenant, request_id
""",
    batch=_OURS,
)

_DROP: Final = statement(
    """
{batch}
DELETE FROM requests WHERE {row} IN (
  SELECT t.{row} FROM requests t {and_batch}
  WHERE t.tenant = b.tenant AND t.request_id = b.request_id)
""",
    batch=_KEY,
)

_PRUNE: Final = statement(
    """
DELETE FROM requests WHERE {row} IN (
  SELECT {row} FROM {oldest}
  WHERE created_at <= {now} - {window} AND lease_until <= {now}
  ORDER BY created_at LIMIT :count
  {any_unlocked})
""",
    parts=_TIMES,
)


class Earlier(NamedTuple):
    """A request row that was there before; ``outcome`` and so on are a DONE row's."""

    tenant: str
    request_id: str
    token_id: str | None
    fingerprint: str
    lease: str
    lease_until: int
    state: str
    outcome: str
    receipt_number: int | None
    decided_at: int | None
    attempts_left: int | None
    created_at: int

    def verdict(self) -> Verdict:
        """Return the answer of a DONE row."""
        receipt = None
        if self.receipt_number is not None and self.decided_at is not None:
            receipt = Receipt(self.receipt_number, moment(self.decided_at))
        return Verdict(Outcome(self.outcome), receipt, self.attempts_left)


def key_of(claim: Claim) -> Key:
    """Return the claim's request's name."""
    return claim.tenant, claim.request_id


async def find(transaction: Transaction, claims: Sequence[Claim]) -> dict[Key, Earlier]:
    """Return the rows that `OPEN` left alone, but none that another writes to."""
    (rows,) = await transaction.run(Asked(_FIND, {}, [key_of(claim) for claim in claims]))
    earlier = (Earlier(*row) for row in rows)
    return {(row.tenant, row.request_id): row for row in earlier}


async def drop(transaction: Transaction, rows: Sequence[Earlier]) -> None:
    """Delete rows of `find`."""
    keys = [(row.tenant, row.request_id) for row in rows]
    await transaction.run(Asked(_DROP, {}, keys))


async def pass_on(transaction: Transaction, claim: Claim, old_lease: str) -> None:
    """Resume an open request: move it from a lease that ran out to the claim's."""
    moved = (claim.tenant, claim.request_id, claim.lease, old_lease)
    await transaction.run(Asked(_PASS_ON, {}, [moved]))


async def resumed(transaction: Transaction, claims: Sequence[Claim]) -> set[Key]:
    """Return the requests under which an earlier search may have had results."""
    return await _owned(transaction, _RESUMED, claims)


async def in_time(transaction: Transaction, claims: Sequence[Claim]) -> set[Key]:
    """Return which requests still hold the lease that only they hold."""
    return await _owned(transaction, _KEEP, claims)


async def let_go(transaction: Transaction, claims: Sequence[Claim]) -> set[Key]:
    """End leases and leave the requests open; return those that were ours."""
    return await _owned(transaction, _LET_GO, claims)


async def forget(transaction: Transaction, claims: Sequence[Claim]) -> set[Key]:
    """Delete open requests; return those that were ours."""
    return await _owned(transaction, _FORGET, claims)


def pruning(claims: int) -> Asked:
    """Return what deletes some rows whose window is over, the oldest first."""
    return Asked(_PRUNE, {"count": claims * _PRUNED_PER_CLAIM})


async def _owned(transaction: Transaction, end: Statement, claims: Sequence[Claim]) -> set[Key]:
    if not claims:
        return set()
    ours = [(claim.tenant, claim.request_id, claim.lease) for claim in claims]
    (rows,) = await transaction.run(Asked(end, {}, ours))
    return {(tenant, request_id) for tenant, request_id in rows}


def row_of(claim: Claim) -> tuple[Value, ...]:
    """Return a row of `CLAIM`."""
    name = claim.subject.value
    by_serial = isinstance(claim.subject, BySerial)
    limits, signed = claim.limits, claim.signed
    return (
        claim.tenant,
        claim.request_id,
        claim.lease,
        claim.caller,
        claim.operation,
        claim.fingerprint.hex(),
        None if by_serial else name,
        name if by_serial else None,
        claim.code_length,
        claim.today.isoformat(),
        limits.consecutive,
        limits.daily,
        limits.since_unlock,
        None if signed is None else signed.challenge_id,
        None if signed is None else signed.digest.hex(),
    )
