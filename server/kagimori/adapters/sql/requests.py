# SPDX-License-Identifier: Apache-2.0
"""The request rows: what makes the same request_id give the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from kagimori.adapters.sql import audit
from kagimori.adapters.sql.database import Row, Transaction, Value
from kagimori.adapters.sql.dialect import Statement, Written, encoded, statement
from kagimori.application.ports import BySerial, Claim
from kagimori.domain.outcome import Outcome, Receipt, Verdict

MICROSECONDS: Final = 1_000_000

LEASE: Final = 5 * MICROSECONDS
"""How long a search may take before its result no longer counts."""

WINDOW: Final = 600 * MICROSECONDS
"""How long the same request_id gives the same answer."""

# More than a claim adds, so that the table shrinks back after a rush; few, so
# that no call pays for another's past.
_PRUNED_PER_CLAIM: Final = 4

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Key = tuple[str, str]
"""A request's name: the tenant and the request_id as text."""

_KEY: Final = {"tenant": "text", "request_id": "uuid"}
_OURS: Final = {**_KEY, "lease": "uuid"}

# Sorted, so that transactions which open the same requests meet in one order.
# A row that can be seen is left alone without touching it: to touch it could
# mean waiting for the transaction that settles it.
_OPEN: Final = statement(
    """
{batch}
INSERT INTO requests
  (tenant, request_id, caller, token_id, operation, fingerprint, lease, lease_until, state,
   resumed, created_at{mark_column})
SELECT b.tenant, b.request_id, b.caller,
  COALESCE(
    (SELECT t.token_id FROM tokens t WHERE t.tenant = b.tenant AND t.subscriber = b.subscriber),
    (SELECT t.token_id FROM tokens t
     WHERE t.tenant = b.tenant AND t.serial = b.serial AND t.subscriber IS NOT NULL)),
  b.operation, b.fingerprint, b.lease, :until, 'PENDING', 0, :now{mark_value}
FROM batch b
WHERE NOT EXISTS
  (SELECT 1 FROM requests r WHERE r.tenant = b.tenant AND r.request_id = b.request_id)
ORDER BY b.tenant, b.request_id
ON CONFLICT (tenant, request_id) DO NOTHING
{returning}
""",
    batch=_OURS
    | {
        "caller": "text",
        "operation": "text",
        "fingerprint": "text",
        "subscriber": "text",
        "serial": "text",
    },
    written=Written(
        ("requests.tenant", "requests.request_id", "requests.token_id"),
        """
FROM requests JOIN batch b ON requests.tenant = b.tenant AND requests.request_id = b.request_id
WHERE requests.marked = :mark
""",
    ),
)

_FIND: Final = statement(
    """
{batch}
SELECT t.tenant, t.request_id, t.token_id, t.fingerprint, t.lease, t.lease_until, t.state,
       t.outcome, t.receipt_number, t.decided_at, t.attempts_left, t.created_at
FROM requests t JOIN batch b ON t.tenant = b.tenant AND t.request_id = b.request_id
{skip_locked}
""",
    batch=_KEY,
)

_PASS_ON: Final = statement(
    """
{batch}
UPDATE requests SET lease = b.lease, lease_until = :until, resumed = 1
FROM batch b
WHERE requests.tenant = b.tenant AND requests.request_id = b.request_id
  AND requests.lease = b.old_lease AND requests.state = 'PENDING'
""",
    batch={**_OURS, "old_lease": "uuid"},
)

_PARTS: Final = {
    "owned": """
WHERE requests.tenant = b.tenant AND requests.request_id = b.request_id
  AND requests.lease = b.lease AND requests.state = 'PENDING'
"""
}

_RESUMED: Final = statement(
    """
{batch}
SELECT requests.tenant, requests.request_id FROM requests, batch b
{owned} AND requests.resumed = 1
""",
    batch=_OURS,
    parts=_PARTS,
)

_DECIDE_OWNED: Final = """
{batch}
UPDATE requests
SET state = 'DONE', outcome = b.outcome, receipt_number = b.receipt_number, decided_at = :now,
    attempts_left = b.attempts_left, lease_until = :now
FROM batch b {owned}
"""

_DECIDE: Final = statement(_DECIDE_OWNED, batch=audit.DECISION, parts=_PARTS)

_DECIDE_IN_TIME: Final = statement(
    _DECIDE_OWNED
    + "AND requests.lease_until > :now RETURNING requests.tenant, requests.request_id",
    batch=audit.DECISION,
    parts=_PARTS,
)

_LET_GO: Final = statement(
    """
{batch}
UPDATE requests SET lease_until = :now FROM batch b {owned}
RETURNING requests.tenant, requests.request_id
""",
    batch=_OURS,
    parts=_PARTS,
)

_FORGET: Final = statement(
    """
{batch}
DELETE FROM requests WHERE {row} IN (
  SELECT t.{row} FROM requests t JOIN batch b
  ON t.tenant = b.tenant AND t.request_id = b.request_id
  WHERE t.lease = b.lease AND t.state = 'PENDING')
RETURNING tenant, request_id
""",
    batch=_OURS,
)

_DROP: Final = statement(
    """
{batch}
DELETE FROM requests WHERE {row} IN (
  SELECT t.{row} FROM requests t JOIN batch b
  ON t.tenant = b.tenant AND t.request_id = b.request_id)
""",
    batch=_KEY,
)

_PRUNE: Final = statement("""
DELETE FROM requests WHERE {row} IN (
  SELECT {row} FROM requests
  WHERE created_at <= :horizon AND lease_until <= :now
  ORDER BY created_at LIMIT :count
  {any_unlocked})
""")


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
    return claim.tenant, str(claim.request_id)


def open_new(transaction: Transaction, claims: Sequence[Claim]) -> dict[Key, str | None]:
    """Write PENDING rows; return the ``token_id`` of each that was not there before."""
    values: dict[str, Value] = {
        "batch": encoded(map(_opening, claims)),
        "until": transaction.now + LEASE,
        "now": transaction.now,
    }
    return {
        (tenant, request_id): token_id
        for tenant, request_id, token_id in transaction.run(_OPEN, values)
    }


def find(transaction: Transaction, claims: Sequence[Claim]) -> dict[Key, Earlier]:
    """Return the rows that `open_new` left alone, but none that another writes to."""
    batch = encoded((claim.tenant, claim.request_id) for claim in claims)
    rows = (Earlier(*row) for row in transaction.run(_FIND, {"batch": batch}))
    return {(row.tenant, row.request_id): row for row in rows}


def drop(transaction: Transaction, rows: Sequence[Earlier]) -> None:
    """Delete rows of `find`."""
    transaction.run(_DROP, {"batch": encoded((row.tenant, row.request_id) for row in rows)})


def pass_on(transaction: Transaction, claim: Claim, old_lease: str) -> None:
    """Resume an open request: move it from a lease that ran out to the claim's."""
    batch = encoded([(claim.tenant, claim.request_id, claim.lease, old_lease)])
    transaction.run(_PASS_ON, {"batch": batch, "until": transaction.now + LEASE})


def resumed(transaction: Transaction, claims: Sequence[Claim]) -> set[Key]:
    """Return the requests under which an earlier search may have had results."""
    return _keys(transaction.run(_RESUMED, {"batch": encoded(map(_lease, claims))}))


def decide(transaction: Transaction, decisions: Sequence[tuple[object, ...]]) -> None:
    """Make verdicts the requests' answers, with an audit row each."""
    if decisions:
        batch = encoded(decisions)
        transaction.run(_DECIDE, {"batch": batch, "now": transaction.now})
        audit.verified(transaction, batch)


def decide_in_time(transaction: Transaction, claims: Sequence[Claim], verdict: Verdict) -> set[Key]:
    """Do as `decide` where only the request holds the lease; return which did."""
    if not claims:
        return set()
    batch = encoded(audit.decision(claim, verdict) for claim in claims)
    decided = _keys(transaction.run(_DECIDE_IN_TIME, {"batch": batch, "now": transaction.now}))
    told = [audit.decision(claim, verdict) for claim in claims if key_of(claim) in decided]
    if told:
        audit.verified(transaction, encoded(told))
    return decided


def let_go(transaction: Transaction, claims: Sequence[Claim]) -> set[Key]:
    """End leases and leave the requests open; return those that were ours."""
    return _owned(transaction, _LET_GO, claims)


def forget(transaction: Transaction, claims: Sequence[Claim]) -> set[Key]:
    """Delete open requests; return those that were ours."""
    return _owned(transaction, _FORGET, claims)


def prune(transaction: Transaction, claims: int) -> None:
    """Delete some rows whose window is over, the oldest first."""
    transaction.run(
        _PRUNE,
        {
            "horizon": transaction.now - WINDOW,
            "now": transaction.now,
            "count": claims * _PRUNED_PER_CLAIM,
        },
    )


def moment(microseconds: int) -> datetime:
    """Return the database's time as a UTC datetime."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _owned(transaction: Transaction, end: Statement, claims: Sequence[Claim]) -> set[Key]:
    if not claims:
        return set()
    values: dict[str, Value] = {"batch": encoded(map(_lease, claims)), "now": transaction.now}
    return _keys(transaction.run(end, values))


def _keys(rows: Sequence[Row]) -> set[Key]:
    return {(tenant, request_id) for tenant, request_id in rows}


def _lease(claim: Claim) -> tuple[object, ...]:
    return claim.tenant, claim.request_id, claim.lease


def _opening(claim: Claim) -> tuple[object, ...]:
    name = claim.subject.value
    by_serial = isinstance(claim.subject, BySerial)
    return (
        claim.tenant,
        claim.request_id,
        claim.lease,
        claim.caller,
        claim.operation,
        claim.fingerprint.hex(),
        None if by_serial else name,
        name if by_serial else None,
    )
