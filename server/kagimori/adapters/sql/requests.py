# SPDX-License-Identifier: Apache-2.0
"""The request rows: what makes the same request_id give the same answer."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Final

from kagimori.adapters.sql import audit
from kagimori.adapters.sql.connection import Transaction, Value
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

# A row past the window counts as absent and is overwritten, unless a search
# under its lease is still on its way to settle.
_OPEN_BY_SUBSCRIBER: Final = """
INSERT INTO requests
  (tenant, request_id, caller, token_id, operation, fingerprint, lease, lease_until, state,
   resumed, created_at)
VALUES
  (:tenant, :request_id, :caller,
   (SELECT token_id FROM tokens WHERE tenant = :tenant AND subscriber = :name),
   :operation, :fingerprint, :lease, :until, 'PENDING', 0, :now)
ON CONFLICT (tenant, request_id) DO UPDATE SET
  caller = excluded.caller, token_id = excluded.token_id, operation = excluded.operation,
  fingerprint = excluded.fingerprint, lease = excluded.lease, lease_until = excluded.lease_until,
  state = 'PENDING', resumed = 0, outcome = NULL, receipt_number = NULL, decided_at = NULL,
  attempts_left = NULL, created_at = excluded.created_at
WHERE requests.created_at <= :horizon AND requests.lease_until <= :now
RETURNING token_id
"""

_OPEN_BY_SERIAL: Final = _OPEN_BY_SUBSCRIBER.replace(
    "subscriber = :name", "serial = :name AND subscriber IS NOT NULL"
)

_FIND: Final = """
SELECT token_id, fingerprint, lease, lease_until, state, outcome, receipt_number, decided_at,
       attempts_left
FROM requests WHERE tenant = :tenant AND request_id = :request_id
"""

_PASS_ON: Final = """
UPDATE requests SET lease = :lease, lease_until = :until, resumed = 1
WHERE tenant = :tenant AND request_id = :request_id AND lease = :old AND state = 'PENDING'
"""

_IS_RESUMED: Final = """
SELECT 1 FROM requests
WHERE tenant = :tenant AND request_id = :request_id AND lease = :lease AND resumed = 1
"""

_DECIDE: Final = """
UPDATE requests
SET state = 'DONE', outcome = :outcome, receipt_number = :receipt_number, decided_at = :now,
    attempts_left = :attempts_left, lease_until = :now
WHERE tenant = :tenant AND request_id = :request_id AND lease = :lease AND state = 'PENDING'
RETURNING 1
"""

_DECIDE_IN_TIME: Final = _DECIDE.replace("RETURNING", "AND lease_until > :now RETURNING")

_LET_GO: Final = """
UPDATE requests SET lease_until = :now
WHERE tenant = :tenant AND request_id = :request_id AND lease = :lease AND state = 'PENDING'
RETURNING 1
"""

_FORGET: Final = """
DELETE FROM requests
WHERE tenant = :tenant AND request_id = :request_id AND lease = :lease AND state = 'PENDING'
RETURNING 1
"""

_PRUNE: Final = """
DELETE FROM requests WHERE (tenant, request_id) IN (
  SELECT tenant, request_id FROM requests
  WHERE created_at <= :horizon AND lease_until <= :now
  ORDER BY created_at LIMIT :count)
"""


def open_request(transaction: Transaction, claim: Claim) -> sqlite3.Row | None:
    """Write a PENDING row and return its ``token_id``; None if there is a row."""
    by_serial = isinstance(claim.subject, BySerial)
    return transaction.one(
        _OPEN_BY_SERIAL if by_serial else _OPEN_BY_SUBSCRIBER,
        _key(claim)
        | {
            "caller": claim.caller,
            "name": claim.subject.value,
            "operation": claim.operation,
            "fingerprint": claim.fingerprint,
            "until": transaction.now + LEASE,
            "now": transaction.now,
            "horizon": transaction.now - WINDOW,
        },
    )


def open_anew(transaction: Transaction, claim: Claim, old_lease: str) -> sqlite3.Row:
    """Replace an abandoned row by a new PENDING one and return its ``token_id``."""
    transaction.run(_FORGET, _key(claim) | {"lease": old_lease})
    opened = open_request(transaction, claim)
    if opened is None:
        raise LookupError("a request row appeared in somebody else's write transaction")
    return opened


def find(transaction: Transaction, claim: Claim) -> sqlite3.Row:
    """Return the row that made `open_request` answer None."""
    return transaction.run(_FIND, _key(claim))[0]


def pass_on(transaction: Transaction, claim: Claim, old_lease: str) -> None:
    """Resume an open request: move it from a lease that ran out to the claim's."""
    until = transaction.now + LEASE
    transaction.run(_PASS_ON, _key(claim) | {"old": old_lease, "until": until})


def is_resumed(transaction: Transaction, claim: Claim) -> bool:
    """Return whether an earlier search under this request may have had results."""
    return transaction.one(_IS_RESUMED, _key(claim)) is not None


def decide(
    transaction: Transaction, claim: Claim, token: audit.Named | None, verdict: Verdict
) -> None:
    """Make ``verdict`` the request's answer, with an audit row."""
    transaction.run(_DECIDE, _decision(transaction, claim, verdict))
    number = verdict.receipt.number if verdict.receipt else None
    audit.verified(transaction, claim, token, verdict.outcome, number)


def decide_unknown(transaction: Transaction, claim: Claim, verdict: Verdict) -> bool:
    """Do as `decide` where only the request holds the lease; False if it ran out."""
    decided = transaction.one(_DECIDE_IN_TIME, _decision(transaction, claim, verdict))
    if decided:
        audit.verified(transaction, claim, None, verdict.outcome, None)
    return decided is not None


def let_go(transaction: Transaction, claim: Claim) -> bool:
    """End the request's lease and leave the request open; False if it was not ours."""
    values = _key(claim) | {"now": transaction.now}
    return transaction.one(_LET_GO, values) is not None


def forget(transaction: Transaction, claim: Claim) -> bool:
    """Delete the open request; False if it was not ours."""
    return transaction.one(_FORGET, _key(claim)) is not None


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


def verdict_of(row: sqlite3.Row) -> Verdict:
    """Return the answer of a DONE row."""
    number = row["receipt_number"]
    receipt = None if number is None else Receipt(number, moment(row["decided_at"]))
    return Verdict(Outcome(row["outcome"]), receipt, row["attempts_left"])


def moment(microseconds: int) -> datetime:
    """Return the database's time as a UTC datetime."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _decision(transaction: Transaction, claim: Claim, verdict: Verdict) -> dict[str, Value]:
    return _key(claim) | {
        "outcome": verdict.outcome,
        "receipt_number": verdict.receipt.number if verdict.receipt else None,
        "attempts_left": verdict.attempts_left,
        "now": transaction.now,
    }


def _key(claim: Claim) -> dict[str, Value]:
    return {
        "tenant": claim.tenant,
        "request_id": claim.request_id.hex,
        "lease": claim.lease.hex,
    }
