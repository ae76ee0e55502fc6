# SPDX-License-Identifier: Apache-2.0
"""Settlements: what a search came to, written down while its lease is ours."""

from __future__ import annotations

import sqlite3
from typing import Final, assert_never

from kagimori.adapters.sql import requests
from kagimori.adapters.sql.audit import Named
from kagimori.adapters.sql.claims import LOCKED
from kagimori.adapters.sql.connection import Transaction, Value
from kagimori.application.ports import Finding, Overslept, SettleAnswer, Settled, Settlement
from kagimori.domain.outcome import Outcome, Receipt, Verdict
from kagimori.domain.token import Token

_OURS: Final = """
WHERE tenant = :tenant AND token_id = :token_id
  AND state = 'ACTIVE' AND generation = :generation AND lease = :lease
"""
_IN_TIME: Final = " AND lease_until > :now "
_TRIES: Final = " RETURNING failures, day, day_failures, unlock_failures"

# The attempt was counted on the row's own day and no other call has touched
# the row since, so it is given back there, whatever day it is now.
_GIVE_BACK: Final = """
UPDATE tokens SET
  failures = MAX(failures - 1, 0), day_failures = MAX(day_failures - 1, 0),
  unlock_failures = MAX(unlock_failures - 1, 0), lease = NULL, lease_until = NULL
"""

_ACCEPT: Final = (
    """
UPDATE tokens SET
  last_step = :step, drift = :drift,
  failures = 0, day_failures = MAX(day_failures - 1, 0),
  unlock_failures = MAX(unlock_failures - 1, 0), lease = NULL, lease_until = NULL
"""
    + _OURS
    + _IN_TIME
    + " AND last_step < :step "
    + _TRIES
)

_REPLAY: Final = _GIVE_BACK + _OURS + _IN_TIME + _TRIES

# Nothing was learnt from the HSM by this request, so a late return is no free
# guess: the lease being still ours proves that nobody else has used the token.
_RETURN: Final = _GIVE_BACK + _OURS + _TRIES

_REJECT: Final = (
    """
UPDATE tokens SET
  state = CASE WHEN failures >= :consecutive OR unlock_failures >= :since_unlock
               THEN :locked ELSE state END,
  generation = CASE WHEN failures >= :consecutive OR unlock_failures >= :since_unlock
                    THEN generation + 1 ELSE generation END,
  lease = NULL, lease_until = NULL
"""
    + _OURS
    + _IN_TIME
    + _TRIES
)

_END_LEASE: Final = "UPDATE tokens SET lease_until = :now"
_LET_GO: Final = _END_LEASE + _OURS + _IN_TIME + _TRIES

_RECEIPT: Final = """
INSERT INTO receipts (tenant, last_number) VALUES (:tenant, 1)
ON CONFLICT (tenant) DO UPDATE SET last_number = receipts.last_number + 1
RETURNING last_number
"""


def settle_one(transaction: Transaction, settlement: Settlement) -> SettleAnswer:
    """Write one settlement down, or change nothing and answer `Overslept`."""
    token = settlement.granted
    if token is None:
        return _settle_unknown(transaction, settlement)
    match settlement.finding:
        case Finding.FRESH:
            return _accept(transaction, settlement, token)
        case Finding.SPENT:
            return _replayed(transaction, settlement, token)
        case Finding.NONE:
            return _reject(transaction, settlement, token)
        case Finding.NO_RESULT:
            return _return(transaction, settlement, token)
        case Finding.BROKEN_OFF:
            return _let_go(transaction, settlement, token)
        case Finding.UNKNOWN:
            raise ValueError("UNKNOWN is no finding about a token that was granted")
    assert_never(settlement.finding)


def _settle_unknown(transaction: Transaction, settlement: Settlement) -> SettleAnswer:
    claim = settlement.claim
    match settlement.finding:
        case Finding.UNKNOWN:
            verdict = Verdict(Outcome.UNKNOWN_TOKEN)
            decided = requests.decide_unknown(transaction, claim, verdict)
            return Settled(verdict) if decided else Overslept()
        case Finding.NO_RESULT:
            return Settled(None) if requests.forget(transaction, claim) else Overslept()
        case Finding.BROKEN_OFF:
            return Settled(None) if requests.let_go(transaction, claim) else Overslept()
        case _:
            raise ValueError(f"{settlement.finding} needs a token that was granted")


def _accept(transaction: Transaction, settlement: Settlement, token: Token) -> SettleAnswer:
    values = _values(transaction, settlement, token)
    tries = transaction.one(_ACCEPT, values | {"step": settlement.step, "drift": settlement.drift})
    if tries is None:
        return Overslept()
    number = transaction.run(_RECEIPT, {"tenant": settlement.claim.tenant})[0]["last_number"]
    receipt = Receipt(number, requests.moment(transaction.now))
    left = _attempts_left(settlement, tries)
    return _decided(transaction, settlement, token, Verdict(Outcome.ACCEPTED, receipt, left))


def _replayed(transaction: Transaction, settlement: Settlement, token: Token) -> SettleAnswer:
    tries = transaction.one(_REPLAY, _values(transaction, settlement, token))
    if tries is None:
        return Overslept()
    verdict = Verdict(Outcome.REPLAYED, None, _attempts_left(settlement, tries))
    return _decided(transaction, settlement, token, verdict)


def _reject(transaction: Transaction, settlement: Settlement, token: Token) -> SettleAnswer:
    limits = settlement.claim.limits
    lock: dict[str, Value] = {
        "consecutive": limits.consecutive,
        "since_unlock": limits.since_unlock,
        "locked": LOCKED,
    }
    tries = transaction.one(_REJECT, _values(transaction, settlement, token) | lock)
    if tries is None:
        return Overslept()
    left = _attempts_left(settlement, tries)
    # The daily budget ends by itself: the token stays ACTIVE, today is over.
    outcome = Outcome.REJECTED if left else Outcome.LOCKED
    return _decided(transaction, settlement, token, Verdict(outcome, None, left))


def _return(transaction: Transaction, settlement: Settlement, token: Token) -> SettleAnswer:
    # This search had no result, but the one it resumed may have had: what that
    # one paid for is not given back.
    if requests.is_resumed(transaction, settlement.claim):
        return _let_go(transaction, settlement, token)
    if transaction.one(_RETURN, _values(transaction, settlement, token)) is None:
        return Overslept()
    requests.forget(transaction, settlement.claim)
    return Settled(None)


def _let_go(transaction: Transaction, settlement: Settlement, token: Token) -> SettleAnswer:
    if transaction.one(_LET_GO, _values(transaction, settlement, token)) is None:
        return Overslept()
    requests.let_go(transaction, settlement.claim)
    return Settled(None)


def _decided(
    transaction: Transaction, settlement: Settlement, token: Token, verdict: Verdict
) -> Settled:
    named = Named(token.identity.token_id, token.identity.serial)
    requests.decide(transaction, settlement.claim, named, verdict)
    return Settled(verdict)


def _attempts_left(settlement: Settlement, tries: sqlite3.Row) -> int:
    claim = settlement.claim
    today = tries["day_failures"] if tries["day"] >= claim.today.isoformat() else 0
    return claim.limits.left(tries["failures"], today, tries["unlock_failures"])


def _values(transaction: Transaction, settlement: Settlement, token: Token) -> dict[str, Value]:
    return {
        "tenant": token.identity.tenant,
        "token_id": token.identity.token_id,
        "generation": token.generation,
        "lease": settlement.claim.lease.hex,
        "now": transaction.now,
    }
