# SPDX-License-Identifier: Apache-2.0
"""Settlements: what a search came to, written down while its lease is ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kagimori.adapters.sql import audit, requests
from kagimori.adapters.sql.database import Row, Transaction, Value
from kagimori.adapters.sql.dialect import Written, encoded, statement
from kagimori.application.ports import (
    Claim,
    Finding,
    Overslept,
    SettleAnswer,
    Settled,
    Settlement,
)
from kagimori.domain.outcome import Outcome, Receipt, Verdict
from kagimori.domain.token import Token

# A right or spent code gives its attempt back, and so does a search that had
# no result: on the row's own day, whatever day it is now, because no other
# call has touched the row since. What the HSM had no result for is no free
# guess however late it is told: the lease being still ours proves that nobody
# else has used the token. All else must come in time.
_SETTLE: Final = statement(
    """
{batch}
UPDATE tokens SET {mark}
  last_step = CASE WHEN b.finding = 'FRESH' THEN b.step ELSE tokens.last_step END,
  drift = CASE WHEN b.finding = 'FRESH' THEN b.seen_drift ELSE tokens.drift END,
  failures = CASE
    WHEN b.finding = 'FRESH' THEN 0
    WHEN b.returned = 1 AND tokens.failures > 0 THEN tokens.failures - 1
    ELSE tokens.failures END,
  day_failures = CASE WHEN b.returned = 1 AND tokens.day_failures > 0
    THEN tokens.day_failures - 1 ELSE tokens.day_failures END,
  unlock_failures = CASE WHEN b.returned = 1 AND tokens.unlock_failures > 0
    THEN tokens.unlock_failures - 1 ELSE tokens.unlock_failures END,
  state = CASE WHEN b.finding = 'NONE'
      AND (tokens.failures >= b.consecutive OR tokens.unlock_failures >= b.since_unlock)
    THEN 'LOCKED' ELSE tokens.state END,
  generation = CASE WHEN b.finding = 'NONE'
      AND (tokens.failures >= b.consecutive OR tokens.unlock_failures >= b.since_unlock)
    THEN tokens.generation + 1 ELSE tokens.generation END,
  lease = CASE WHEN b.finding = 'BROKEN_OFF' THEN tokens.lease END,
  lease_until = CASE WHEN b.finding = 'BROKEN_OFF' THEN :now END
FROM batch b
WHERE tokens.tenant = b.tenant AND tokens.token_id = b.token_id
  AND tokens.state = 'ACTIVE' AND tokens.generation = b.seen_generation AND tokens.lease = b.lease
  AND (tokens.lease_until > :now OR b.finding = 'NO_RESULT')
  AND (b.finding <> 'FRESH' OR tokens.last_step < b.step)
{returning}
""",
    batch={
        "tenant": "text",
        "token_id": "text",
        "lease": "uuid",
        "seen_generation": "integer",
        "finding": "text",
        "returned": "integer",
        "step": "bigint",
        "seen_drift": "integer",
        "consecutive": "integer",
        "since_unlock": "integer",
    },
    written=Written(
        (
            "tokens.tenant",
            "tokens.token_id",
            "tokens.failures",
            "tokens.day",
            "tokens.day_failures",
            "tokens.unlock_failures",
        ),
        """
FROM tokens JOIN batch b ON tokens.tenant = b.tenant AND tokens.token_id = b.token_id
WHERE tokens.marked = :mark
""",
    ),
)

# Sorted, so that transactions meet at the tenants' rows in one order.
_RECEIPTS: Final = statement(
    """
{batch}
INSERT INTO receipts (tenant, last_number)
SELECT tenant, accepted FROM batch WHERE accepted > 0 ORDER BY tenant
ON CONFLICT (tenant) DO UPDATE SET last_number = receipts.last_number + excluded.last_number
RETURNING tenant, last_number
""",
    batch={"tenant": "text", "accepted": "bigint"},
)

_GIVES_BACK: Final = frozenset({Finding.FRESH, Finding.SPENT, Finding.NO_RESULT})
_OVERSLEPT: Final = Overslept()
_LEFT_OPEN: Final = Settled(None)
_UNKNOWN: Final = Verdict(Outcome.UNKNOWN_TOKEN)


@dataclass(slots=True)
class _Case:
    """A settlement about a token, its place in the batch, and what it counts as."""

    place: int
    claim: Claim
    token: Token
    finding: Finding
    settlement: Settlement


Answers = list[SettleAnswer]
_Unknown = tuple[int, Claim]


def settle(transaction: Transaction, settlements: Sequence[Settlement]) -> Answers:
    """Write each settlement down, or change nothing of it and answer `Overslept`."""
    answers: Answers = [_OVERSLEPT] * len(settlements)
    cases: list[_Case] = []
    unknown: dict[Finding, list[_Unknown]] = {}
    for place, settlement in enumerate(settlements):
        if settlement.granted is not None:
            cases.append(_case(place, settlement, settlement.granted))
        else:
            unknown.setdefault(settlement.finding, []).append((place, settlement.claim))
    while cases:
        first, cases = _each_token_once(cases)
        _settle_granted(transaction, first, answers)
    for finding, placed in unknown.items():
        _settle_unknown(transaction, finding, placed, answers)
    return answers


def _case(place: int, settlement: Settlement, token: Token) -> _Case:
    if settlement.finding is Finding.UNKNOWN:
        raise ValueError("UNKNOWN is no finding about a token that was granted")
    return _Case(place, settlement.claim, token, settlement.finding, settlement)


def _each_token_once(cases: Sequence[_Case]) -> tuple[list[_Case], list[_Case]]:
    """Divide the cases: one UPDATE settles a row once, the others come after it."""
    first: dict[tuple[str, str], _Case] = {}
    later = []
    for case in cases:
        identity = case.token.identity
        if first.setdefault((identity.tenant, identity.token_id), case) is not case:
            later.append(case)
    return list(first.values()), later


def _settle_granted(transaction: Transaction, cases: Sequence[_Case], answers: Answers) -> None:
    _keep_what_was_paid_for(transaction, cases)
    values: dict[str, Value] = {"batch": encoded(map(_row, cases)), "now": transaction.now}
    settled = {(row[0], row[1]): row for row in transaction.run(_SETTLE, values)}
    ours: list[tuple[_Case, Row]] = []
    for case in cases:
        row = settled.get((case.token.identity.tenant, case.token.identity.token_id))
        if row is not None:
            ours.append((case, row))
    _end(transaction, ours, answers)
    _judge(transaction, ours, answers)


def _keep_what_was_paid_for(transaction: Transaction, cases: Sequence[_Case]) -> None:
    """Let go, without giving back, what resumed a search that may have had a result."""
    failed = [case for case in cases if case.finding is Finding.NO_RESULT]
    if failed:
        resumed = requests.resumed(transaction, [case.claim for case in failed])
        for case in failed:
            if requests.key_of(case.claim) in resumed:
                case.finding = Finding.BROKEN_OFF


def _row(case: _Case) -> tuple[object, ...]:
    limits = case.claim.limits
    return (
        case.token.identity.tenant,
        case.token.identity.token_id,
        case.claim.lease,
        case.token.generation,
        case.finding,
        1 if case.finding in _GIVES_BACK else 0,
        case.settlement.step,
        case.settlement.drift,
        limits.consecutive,
        limits.since_unlock,
    )


def _end(transaction: Transaction, ours: Sequence[tuple[_Case, Row]], answers: Answers) -> None:
    """Close the requests that got no verdict."""
    for finding, end in _ENDS.items():
        ended = [case for case, _ in ours if case.finding is finding]
        if ended:
            end(transaction, [case.claim for case in ended])
            for case in ended:
                answers[case.place] = _LEFT_OPEN


def _judge(transaction: Transaction, ours: Sequence[tuple[_Case, Row]], answers: Answers) -> None:
    """Write down the verdicts of those that have one."""
    numbers = _numbers(transaction, [case for case, _ in ours if case.finding is Finding.FRESH])
    at = requests.moment(transaction.now)
    decisions = []
    for case, row in ours:
        if case.finding in _ENDS:
            continue
        left = _attempts_left(case.claim, row)
        if case.finding is Finding.FRESH:
            verdict = Verdict(Outcome.ACCEPTED, Receipt(next(numbers[case.claim.tenant]), at), left)
        elif case.finding is Finding.SPENT:
            verdict = Verdict(Outcome.REPLAYED, None, left)
        else:
            # The daily budget ends by itself: the token stays ACTIVE, today is over.
            verdict = Verdict(Outcome.REJECTED if left else Outcome.LOCKED, None, left)
        identity = case.token.identity
        decisions.append(audit.decision(case.claim, verdict, identity.token_id, identity.serial))
        answers[case.place] = Settled(verdict)
    requests.decide(transaction, decisions)


def _numbers(transaction: Transaction, accepted: Sequence[_Case]) -> dict[str, Iterator[int]]:
    """Draw as many receipt numbers as there are acceptances, by tenant."""
    if not accepted:
        return {}
    drawn = Counter(case.claim.tenant for case in accepted)
    rows = transaction.run(_RECEIPTS, {"batch": encoded(drawn.items())})
    return {tenant: iter(range(last - drawn[tenant] + 1, last + 1)) for tenant, last in rows}


def _attempts_left(claim: Claim, row: Row) -> int:
    failures, day, day_failures, unlock_failures = row[2:]
    today = day_failures if day >= claim.today.isoformat() else 0
    return claim.limits.left(failures, today, unlock_failures)


def _settle_unknown(
    transaction: Transaction, finding: Finding, placed: Sequence[_Unknown], answers: Answers
) -> None:
    claims = [claim for _, claim in placed]
    if finding is Finding.UNKNOWN:
        answer = Settled(_UNKNOWN)
        done = requests.decide_in_time(transaction, claims, _UNKNOWN)
    elif finding in _ENDS:
        answer = _LEFT_OPEN
        done = _ENDS[finding](transaction, claims)
    else:
        raise ValueError(f"{finding} needs a token that was granted")
    for place, claim in placed:
        key = requests.key_of(claim)
        if key in done:
            done.discard(key)
            answers[place] = answer


_ENDS: Final[dict[Finding, Callable[[Transaction, Sequence[Claim]], set[requests.Key]]]] = {
    Finding.NO_RESULT: requests.forget,
    Finding.BROKEN_OFF: requests.let_go,
}
