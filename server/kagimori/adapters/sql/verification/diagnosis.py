# SPDX-License-Identifier: Apache-2.0
"""Why a token could not be taken by a claim, by its row in the transaction that tried."""

from __future__ import annotations

from typing import Final

from kagimori.adapters.sql.database import Row
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.times import SECOND
from kagimori.application.ports import Answered, Claim, ClaimAnswer, Held, Refused
from kagimori.domain.errors import InvalidField
from kagimori.domain.lifecycle import IN_STOCK, NOBODYS, Event, State, after
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import TAKES_STOCK, Attempts, Operation
from kagimori.domain.token import Kind

CLAIMED: Final = {
    operation: State.ASSIGNED if operation is Operation.ACTIVATION else State.ACTIVE
    for operation in set(Operation) - TAKES_STOCK
}
"""In which state a customer's token is that an operation takes."""

_SPENT_UP: Final = {state: after(state, Event.LOCK) for state in set(CLAIMED.values())}
"""What becomes of it when no attempts are left. One in stock stays what it is."""

# Somebody else is about to commit: that takes a flush of the log.
SOON: Final = Held(0.01)

EXHAUSTED: Final = Answered(Verdict(Outcome.LOCKED, None, 0))
_NOT_ACTIVE: Final = Answered(Verdict(Outcome.NOT_ACTIVE))

LOOK: Final = statement(
    """
{batch}
SELECT t.tenant, t.token_id, t.serial, t.digits, t.state, t.lease_until, t.failures, t.day,
       t.day_failures, t.unlock_failures, t.not_before, t.not_after, t.kind
FROM tokens t {and_batch} WHERE t.tenant = b.tenant AND t.token_id = b.token_id
{skip_locked}
""",
    batch={"tenant": "text", "token_id": "text"},
)
"""Gives the rows that `diagnosis` takes, but none that another transaction writes to."""


def diagnosis(claim: Claim, row: Row | None, now: int) -> ClaimAnswer:
    """Return the answer to ``claim``, whose token has this ``row`` of `LOOK` at ``now``."""
    if row is None or _is_no_such_token(claim, row, now):
        # It was one when the request was opened.
        return SOON
    digits, lease_until = row[3], row[5]
    if digits != claim.code_length and claim.operation is not Operation.SIGNATURE:
        field = "first_code" if claim.operation is Operation.RESYNC else "code"
        return Refused(InvalidField(field, f"this token's codes have {digits} digits"))
    unfit = _unfit(claim, row, now)
    if unfit is not None:
        return unfit
    if lease_until is not None and lease_until > now:
        return held(lease_until, now)
    # Free again, by whoever held it when the attempt should have been spent.
    return SOON if _attempts_left(claim, row) else EXHAUSTED


def held(until: int, now: int) -> Held:
    """Return the answer while another holds the lease, in microseconds since 1970 UTC."""
    return Held((until - now) / SECOND)


def _attempts_left(claim: Claim, row: Row) -> int:
    return Attempts(*row[6:10]).left(claim.limits, claim.today.isoformat())


def _is_no_such_token(claim: Claim, row: Row, now: int) -> bool:
    """Return whether the claim's name is not this token's by now: see `requests.OPEN`."""
    if claim.operation not in TAKES_STOCK:
        return row[4] in NOBODYS
    over = row[12] == Kind.SOFTWARE and not _is_in_its_time(row, now)
    return row[4] not in IN_STOCK or over


def _unfit(claim: Claim, row: Row, now: int) -> Answered | None:
    """Return the answer where the token cannot be taken, whoever asks, and how often."""
    if not _is_in_its_time(row, now):
        # Locked or not: an unlock would not help, an exchange would.
        return _NOT_ACTIVE
    state, wanted = row[4], CLAIMED.get(claim.operation)
    if wanted is None or state == wanted:
        return None
    return EXHAUSTED if state == _SPENT_UP[wanted] else _NOT_ACTIVE


def _is_in_its_time(row: Row, now: int) -> bool:
    not_before, not_after = row[10:12]
    return (not_before is None or not_before <= now) and (not_after is None or now < not_after)
