# SPDX-License-Identifier: Apache-2.0
"""Settlements: what a search came to, written down while its lease is ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from kagimori.adapters.sql.database import Asked, Row, Transaction, Value
from kagimori.adapters.sql.dialect import Returning, statement
from kagimori.adapters.sql.verification import requests
from kagimori.adapters.sql.verification.ledger import Entry, Ledger
from kagimori.adapters.sql.verification.signatures import Endings
from kagimori.application.ports import (
    Claim,
    Finding,
    Overslept,
    SettleAnswer,
    Settled,
    Settlement,
)
from kagimori.domain.outcome import Outcome
from kagimori.domain.policy import Operation
from kagimori.domain.token import Token

# One in stock was claimed to become somebody's: see `consequences`.
_IN_STOCK: Final = """
b.finding <> 'FRESH' AND (tokens.state = 'IN_STOCK' OR tokens.state = 'RETURNED')
"""

# None but a token in use signs.
_IN_USE: Final = "(b.finding <> 'SIGNED' OR tokens.state = 'ACTIVE')"

# A right or spent code gives its attempt back, and so does a search that had
# no result: on the row's own day, whatever day it is now, because no other
# call has touched the row since. What the HSM had no result for is no free
# guess however late it is told: the lease being still ours proves that nobody
# else has used the token. All else must come in time.
# A token that is ASSIGNED was claimed to be activated: its first right code takes
# it into use, and is spent by that as by a login.
# A signature has a watermark of its own: see `signatures`.
_SETTLE: Final = statement(
    """
{batch}
UPDATE tokens SET
  last_step = CASE WHEN b.finding = 'FRESH' THEN b.step ELSE tokens.last_step END,
  drift = CASE WHEN b.finding = 'FRESH' THEN b.seen_drift ELSE tokens.drift END,
  failures = CASE
    WHEN b.finding = 'FRESH' OR b.finding = 'SIGNED' THEN 0
    WHEN b.returned = 1 AND tokens.failures > 0 THEN tokens.failures - 1
    ELSE tokens.failures END,
  day_failures = CASE WHEN b.returned = 1 AND tokens.day_failures > 0
    THEN tokens.day_failures - 1 ELSE tokens.day_failures END,
  unlock_failures = CASE WHEN b.returned = 1 AND tokens.unlock_failures > 0
    THEN tokens.unlock_failures - 1 ELSE tokens.unlock_failures END,
  state = CASE
    WHEN b.finding = 'FRESH' THEN 'ACTIVE'
    WHEN b.finding = 'NONE'
      AND (tokens.failures >= b.consecutive OR tokens.unlock_failures >= b.since_unlock)
    THEN CASE tokens.state
      WHEN 'ASSIGNED' THEN 'BARRED' WHEN 'ACTIVE' THEN 'LOCKED' ELSE tokens.state END
    ELSE tokens.state END,
  generation = CASE
    WHEN b.finding = 'FRESH' AND tokens.state = 'ASSIGNED' THEN tokens.generation + 1
    WHEN b.finding = 'NONE'
      AND (tokens.failures >= b.consecutive OR tokens.unlock_failures >= b.since_unlock)
    THEN tokens.generation + 1
    ELSE tokens.generation END,
  lease = CASE WHEN b.finding = 'BROKEN_OFF' THEN tokens.lease END,
  lease_until = CASE WHEN b.finding = 'BROKEN_OFF' THEN {now} END
{from_batch}
WHERE tokens.tenant = b.tenant AND tokens.token_id = b.token_id AND {in_use}
  AND (tokens.state = 'ACTIVE' OR tokens.state = 'ASSIGNED' OR {in_stock})
  AND tokens.generation = b.seen_generation AND tokens.lease = b.lease
  AND (tokens.lease_until > {now} OR b.finding = 'NO_RESULT')
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
    parts={"in_stock": _IN_STOCK, "in_use": _IN_USE},
    returning=Returning("b.lease", ""),
)

_ACCEPTS: Final = frozenset({Finding.FRESH, Finding.SIGNED})
_GIVES_BACK: Final = _ACCEPTS | {Finding.SPENT, Finding.NO_RESULT}
_OVERSLEPT: Final = Overslept()
_LEFT_OPEN: Final = Settled(None)


Answers = list[SettleAnswer]
_Placed = tuple[int, Settlement]
"""A settlement and its place in the batch."""
_End = Callable[[Transaction, Sequence[Claim]], Awaitable[set[requests.Key]]]


class Settlements:
    """One batch of settlements on its way to its ``answers``.

    Whatever is not known to be settled was `Overslept`: nothing of it was changed.
    """

    def __init__(self, settlements: Sequence[Settlement]) -> None:
        """Begin with ``settlements``."""
        self.ledger = Ledger()
        self._entries: list[tuple[int, Entry]] = []
        self.answers: Answers = [_OVERSLEPT] * len(settlements)
        granted: list[_Placed] = []
        self._unknown: dict[Finding, list[_Placed]] = {}
        for placed in enumerate(settlements):
            _, settlement = placed
            if settlement.granted is not None:
                granted.append(placed)
            else:
                self._unknown.setdefault(settlement.finding, []).append(placed)
        self._first, self._later = _each_lease_once(granted)
        self._ended: dict[Finding, list[Claim]] = {}

    def is_plain(self) -> bool:
        """Return whether each is a verdict about a token, to be settled with the others."""
        judged = (settlement.finding in _OUTCOMES for _, settlement in self._first)
        return not self._unknown and not self._later and all(judged)

    def settling(self) -> Sequence[Asked]:
        """Return what settles the tokens. It gives as many rows as are hoped for, or fewer."""
        if not self._first:
            return ()
        settlements = [settlement for _, settlement in self._first]
        self._endings = Endings(settlements)
        rows = [_row(settlement) for settlement in settlements]
        return *self._endings.ending(), Asked(_SETTLE, {}, rows, len(rows))

    def writing(self) -> Sequence[Asked]:
        """Return what writes all verdicts down, if all are still ours to settle."""
        for place, settlement in self._first:
            self._enter(place, settlement)
        return self.ledger.writing()

    def take_written(self, now: int, given: Iterator[list[Row]]) -> None:
        """Take what `writing` gave in the transaction of the time ``now``."""
        self.ledger.take(now, given)
        self._answer()

    async def first(self, transaction: Transaction) -> Sequence[Asked]:
        """Return what settles the tokens in ``transaction``."""
        self._transaction = transaction
        self._first = await self._as_paid_for(self._first)
        return self.settling()

    def take(self, given: Iterator[list[Row]]) -> None:
        """Take what `first` gave; raise `Changed` where a signature was settled in part only."""
        if self._first:
            self._endings.take(given)
            settled = {lease for (lease,) in next(given)}
            self._endings.insist(settled)
            self._judge(self._first, settled)

    async def finish(self, *more: Asked, last: bool) -> None:
        """Settle the rest, write all verdicts down, and run ``more`` before that.

        Commit if it is the ``last`` of the transaction.
        """
        await self._end()
        while self._later:
            self._first, self._later = _each_lease_once(self._later)
            self._first = await self._as_paid_for(self._first)
            self.take(iter(await self._transaction.run(*self.settling())))
            await self._end()
        for finding, placed in self._unknown.items():
            await self._settle_unknown(finding, placed)
        await self.ledger.write(self._transaction, *more, last=last)
        self._answer()

    def _answer(self) -> None:
        for place, entry in self._entries:
            self.answers[place] = Settled(self.ledger.verdict(entry))

    async def _as_paid_for(self, granted: list[_Placed]) -> list[_Placed]:
        """Let go, without giving back, what resumed a search that may have had a result."""
        failed = [placed[1].claim for placed in granted if placed[1].finding is Finding.NO_RESULT]
        if not failed:
            return granted
        resumed = await requests.resumed(self._transaction, failed)
        return [
            (place, replace(settlement, finding=Finding.BROKEN_OFF))
            if settlement.finding is Finding.NO_RESULT
            and requests.key_of(settlement.claim) in resumed
            else (place, settlement)
            for place, settlement in granted
        ]

    def _judge(self, asked: Sequence[_Placed], settled: set[str]) -> None:
        """Judge what was still ours to settle, by the leases of it."""
        for place, settlement in asked:
            if settlement.claim.lease not in settled:
                continue
            if settlement.finding in _ENDS:
                self._ended.setdefault(settlement.finding, []).append(settlement.claim)
                self.answers[place] = _LEFT_OPEN
            else:
                self._enter(place, settlement)

    async def _end(self) -> None:
        """End the requests of settlements that leave no verdict."""
        ended, self._ended = self._ended, {}
        for finding, claims in ended.items():
            await _ENDS[finding](self._transaction, claims)

    def _enter(self, place: int, settlement: Settlement) -> None:
        claim, token = settlement.claim, _token(settlement)
        left = attempts_left(settlement)
        outcome = _OUTCOMES[settlement.finding]
        if claim.operation is Operation.RESYNC and outcome is Outcome.ACCEPTED:
            # Written down as what it is: such a row is an acceptance to nobody.
            outcome = Outcome.SYNCHRONIZED
        elif outcome is Outcome.REJECTED and not left:
            # The daily budget ends by itself: the token stays ACTIVE, today is over.
            outcome = Outcome.LOCKED
        identity = token.identity
        entry = self.ledger.add(claim, outcome, left, identity.token_id, identity.serial)
        self._entries.append((place, entry))

    async def _settle_unknown(self, finding: Finding, placed: Sequence[_Placed]) -> None:
        claims = [settlement.claim for _, settlement in placed]
        if finding is Finding.UNKNOWN:
            done = await requests.in_time(self._transaction, claims)
        elif finding in _ENDS:
            done = await _ENDS[finding](self._transaction, claims)
        else:
            raise ValueError(f"{finding} needs a token that was granted")
        for place, settlement in placed:
            claim = settlement.claim
            key = requests.key_of(claim)
            if key not in done:
                continue
            done.discard(key)
            if finding is Finding.UNKNOWN:
                entry = self.ledger.add(claim, Outcome.UNKNOWN_TOKEN, None, None, None)
                self._entries.append((place, entry))
            else:
                self.answers[place] = _LEFT_OPEN


def _each_lease_once(placed: Sequence[_Placed]) -> tuple[list[_Placed], list[_Placed]]:
    """Divide them: one UPDATE settles a row once, the others come after it."""
    first: list[_Placed] = []
    later: list[_Placed] = []
    seen: set[str] = set()
    for each in placed:
        lease = each[1].claim.lease
        (later if lease in seen else first).append(each)
        seen.add(lease)
    return first, later


def _token(settlement: Settlement) -> Token:
    token = settlement.granted
    if token is None or settlement.finding is Finding.UNKNOWN:
        raise ValueError("UNKNOWN is no finding about a token that was granted")
    return token


def _row(settlement: Settlement) -> tuple[Value, ...]:
    token, finding = _token(settlement), settlement.finding
    claim, identity = settlement.claim, token.identity
    return (
        identity.tenant,
        identity.token_id,
        claim.lease,
        token.generation,
        finding,
        1 if finding in _GIVES_BACK else 0,
        settlement.step,
        settlement.drift,
        claim.limits.consecutive,
        claim.limits.since_unlock,
    )


def attempts_left(settlement: Settlement) -> int:
    """Return what settling leaves: nobody else writes to a token that is claimed."""
    claim, finding, spent = settlement.claim, settlement.finding, _token(settlement).spent
    if finding in _GIVES_BACK:
        spent = spent.given_back(accepted=finding in _ACCEPTS)
    return spent.left(claim.limits, claim.today.isoformat())


_OUTCOMES: Final = {
    Finding.FRESH: Outcome.ACCEPTED,
    Finding.SIGNED: Outcome.ACCEPTED,
    Finding.SPENT: Outcome.REPLAYED,
    Finding.NONE: Outcome.REJECTED,
}

_ENDS: Final[dict[Finding, _End]] = {
    Finding.NO_RESULT: requests.forget,
    Finding.BROKEN_OFF: requests.let_go,
}
