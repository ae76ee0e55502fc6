# SPDX-License-Identifier: Apache-2.0
"""Claims: the token's lease and one attempt, in one guarded statement."""

from __future__ import annotations

import sqlite3
from typing import Final

from kagimori.adapters.sql import requests
from kagimori.adapters.sql.audit import Named
from kagimori.adapters.sql.connection import Transaction, Value
from kagimori.adapters.sql.rows import token_of
from kagimori.application.ports import (
    Answered,
    Claim,
    ClaimAnswer,
    Granted,
    GrantedUnknown,
    Held,
    Refused,
)
from kagimori.domain.errors import InvalidField, RequestIdReused
from kagimori.domain.lifecycle import Event, State, after
from kagimori.domain.outcome import Outcome, Verdict

# The day only moves forward: two servers on either side of midnight must not
# give a token a new budget at every call.
_SPEND: Final = """
UPDATE tokens SET
  lease = :lease,
  lease_until = :until,
  failures = failures + 1,
  day_failures = CASE WHEN day >= :today THEN day_failures ELSE 0 END + 1,
  day = CASE WHEN day > :today THEN day ELSE :today END,
  unlock_failures = unlock_failures + 1
WHERE tenant = :tenant AND token_id = :token_id
  AND state = 'ACTIVE' AND subscriber IS NOT NULL AND digits = :digits
  AND failures < :consecutive
  AND (day IS NULL OR day < :today OR day_failures < :daily)
  AND unlock_failures < :since_unlock
  AND (lease IS NULL OR lease_until <= :now)
RETURNING *
"""

_TAKE_OVER: Final = """
UPDATE tokens SET lease = :lease, lease_until = :until
WHERE tenant = :tenant AND token_id = :token_id
  AND state = 'ACTIVE' AND lease = :old AND lease_until <= :now
RETURNING *
"""

_DIAGNOSE: Final = """
SELECT serial, digits, state, lease_until FROM tokens
WHERE tenant = :tenant AND token_id = :token_id
"""

# Attempts that nobody settled (a crash) count like the others.
_LOCK: Final = """
UPDATE tokens SET
  state = :locked, generation = generation + 1, lease = NULL, lease_until = NULL
WHERE tenant = :tenant AND token_id = :token_id AND state = 'ACTIVE'
  AND (lease IS NULL OR lease_until <= :now)
  AND (failures >= :consecutive OR unlock_failures >= :since_unlock)
"""

LOCKED: Final = after(State.ACTIVE, Event.LOCK)


def claim_one(transaction: Transaction, claim: Claim) -> ClaimAnswer:
    """Answer one claim; whatever it does not grant or answer leaves no trace."""
    opened = requests.open_request(transaction, claim)
    if opened is None:
        earlier = requests.find(transaction, claim)
        answer = _continue(transaction, claim, earlier)
        if answer is not None:
            return answer
        # Its lease ran out and somebody else has used the token since: the
        # request begins anew, with an attempt of its own.
        opened = requests.open_anew(transaction, claim, earlier["lease"])
    if opened["token_id"] is None:
        return GrantedUnknown()
    return _spend(transaction, claim, opened["token_id"])


def _continue(transaction: Transaction, claim: Claim, earlier: sqlite3.Row) -> ClaimAnswer | None:
    """Answer for a request_id that was seen before; None if it is abandoned."""
    if earlier["fingerprint"] != claim.fingerprint:
        return Refused(RequestIdReused())
    if earlier["state"] == "DONE":
        return Answered(requests.verdict_of(earlier))
    if earlier["lease_until"] > transaction.now:
        return _held(transaction, earlier["lease_until"])
    if earlier["token_id"] is None:
        return None
    return _take_over(transaction, claim, earlier)


def _take_over(transaction: Transaction, claim: Claim, earlier: sqlite3.Row) -> Granted | None:
    """Go on where the same request broke off: its attempt is spent already."""
    row = transaction.one(
        _TAKE_OVER,
        _values(transaction, claim, earlier["token_id"]) | {"old": earlier["lease"]},
    )
    if row is None:
        return None
    requests.pass_on(transaction, claim, earlier["lease"])
    return Granted(token_of(row))


def _spend(transaction: Transaction, claim: Claim, token_id: str) -> ClaimAnswer:
    budget: dict[str, Value] = {
        "digits": claim.code_length,
        "today": claim.today.isoformat(),
        "daily": claim.limits.daily,
    }
    row = transaction.one(_SPEND, _values(transaction, claim, token_id) | budget)
    return Granted(token_of(row)) if row else _diagnose(transaction, claim, token_id)


def _diagnose(transaction: Transaction, claim: Claim, token_id: str) -> ClaimAnswer:
    """Say why no attempt could be spent, in the transaction that tried."""
    row = transaction.run(_DIAGNOSE, {"tenant": claim.tenant, "token_id": token_id})[0]
    if row["digits"] != claim.code_length:
        requests.forget(transaction, claim)
        return Refused(InvalidField("code", f"this token's codes have {row['digits']} digits"))
    if row["state"] != State.ACTIVE:
        return _answered(transaction, claim, Named(token_id, row["serial"]), row["state"])
    if row["lease_until"] is not None and row["lease_until"] > transaction.now:
        requests.forget(transaction, claim)
        return _held(transaction, row["lease_until"])
    transaction.run(_LOCK, _values(transaction, claim, token_id) | {"locked": LOCKED})
    return _answered(transaction, claim, Named(token_id, row["serial"]), LOCKED)


def _answered(transaction: Transaction, claim: Claim, token: Named, state: str) -> Answered:
    locked = state == LOCKED
    verdict = Verdict(Outcome.LOCKED, None, 0) if locked else Verdict(Outcome.NOT_ACTIVE)
    requests.decide(transaction, claim, token, verdict)
    return Answered(verdict)


def _held(transaction: Transaction, until: int) -> Held:
    return Held((until - transaction.now) / requests.MICROSECONDS)


def _values(transaction: Transaction, claim: Claim, token_id: str) -> dict[str, Value]:
    return {
        "tenant": claim.tenant,
        "token_id": token_id,
        "lease": claim.lease.hex,
        "until": transaction.now + requests.LEASE,
        "now": transaction.now,
        "consecutive": claim.limits.consecutive,
        "since_unlock": claim.limits.since_unlock,
    }
