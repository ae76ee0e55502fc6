# SPDX-License-Identifier: Apache-2.0
"""Claims: the token's lease and one attempt, in one guarded statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from kagimori.adapters.sql import audit, requests
from kagimori.adapters.sql.database import Row, Transaction, Value
from kagimori.adapters.sql.dialect import Written, encoded, statement
from kagimori.adapters.sql.requests import Earlier, Key
from kagimori.adapters.sql.rows import COLUMNS, token_of
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

LOCKED: Final = after(State.ACTIVE, Event.LOCK)

# Somebody else is about to commit: that takes a flush of the log.
_SOON: Final = Held(0.01)

_GRANTED_UNKNOWN: Final = GrantedUnknown()
_EXHAUSTED: Final = Answered(Verdict(Outcome.LOCKED, None, 0))

_PARTS: Final = {
    "same_token": "WHERE tokens.tenant = b.tenant AND tokens.token_id = b.token_id",
}

_TAKEN: Final = Written(
    tuple(f"tokens.{column}" for column in COLUMNS),
    """
FROM tokens JOIN batch b ON tokens.tenant = b.tenant AND tokens.token_id = b.token_id
WHERE tokens.marked = :mark
""",
)

# The day only moves forward: two servers on either side of midnight must not
# give a token a new budget at every call.
_SPEND: Final = statement(
    """
{batch}
UPDATE tokens SET {mark}
  lease = b.new_lease,
  lease_until = :until,
  failures = tokens.failures + 1,
  day_failures = CASE WHEN tokens.day >= b.today THEN tokens.day_failures ELSE 0 END + 1,
  day = CASE WHEN tokens.day > b.today THEN tokens.day ELSE b.today END,
  unlock_failures = tokens.unlock_failures + 1
FROM batch b
{same_token}
  AND tokens.state = 'ACTIVE' AND tokens.subscriber IS NOT NULL
  AND tokens.digits = b.code_length
  AND tokens.failures < b.consecutive
  AND (tokens.day IS NULL OR tokens.day < b.today OR tokens.day_failures < b.daily)
  AND tokens.unlock_failures < b.since_unlock
  AND (tokens.lease IS NULL OR tokens.lease_until <= :now)
{returning}
""",
    batch={
        "tenant": "text",
        "token_id": "text",
        "new_lease": "uuid",
        "code_length": "integer",
        "today": "date",
        "consecutive": "integer",
        "daily": "integer",
        "since_unlock": "integer",
    },
    parts=_PARTS,
    unlocked_tokens=True,
    written=_TAKEN,
)

_TAKE_OVER: Final = statement(
    """
{batch}
UPDATE tokens SET {mark} lease = b.new_lease, lease_until = :until
FROM batch b
{same_token}
  AND tokens.state = 'ACTIVE' AND tokens.lease = b.old_lease AND tokens.lease_until <= :now
{returning}
""",
    batch={"tenant": "text", "token_id": "text", "new_lease": "uuid", "old_lease": "uuid"},
    parts=_PARTS,
    written=_TAKEN,
)

_TOKEN: Final = {"tenant": "text", "token_id": "text"}

_LOOK: Final = statement(
    """
{batch}
SELECT t.tenant, t.token_id, t.serial, t.digits, t.state, t.lease_until, t.failures, t.day,
       t.day_failures, t.unlock_failures
FROM tokens t JOIN batch b ON t.tenant = b.tenant AND t.token_id = b.token_id
{skip_locked}
""",
    batch=_TOKEN,
)

# Attempts that nobody settled (a crash) count like the others.
_LOCK: Final = statement(
    """
{batch}
UPDATE tokens SET
  state = 'LOCKED', generation = tokens.generation + 1, lease = NULL, lease_until = NULL
FROM batch b
{same_token} AND tokens.state = 'ACTIVE'
  AND (tokens.lease IS NULL OR tokens.lease_until <= :now)
  AND (tokens.failures >= b.consecutive OR tokens.unlock_failures >= b.since_unlock)
""",
    batch={**_TOKEN, "consecutive": "integer", "since_unlock": "integer"},
    parts=_PARTS,
)

Wanted = tuple[int, Claim, str]
"""A claim's place in the batch, the claim, and the ``token_id`` it named."""


def claim_all(transaction: Transaction, claims: Sequence[Claim]) -> list[ClaimAnswer]:
    """Answer each claim; whatever is not granted or answered leaves no trace."""
    return _Claims(transaction, claims).answered()


class _Claims:
    """One batch of claims on its way to its answers.

    Whatever cannot be looked at now is `Held`: that is the answer every claim
    begins with.
    """

    def __init__(self, transaction: Transaction, claims: Sequence[Claim]) -> None:
        self._transaction = transaction
        self._claims = claims
        self._answers: list[ClaimAnswer] = [_SOON] * len(claims)
        self._decisions: list[tuple[object, ...]] = []
        self._traces: list[Claim] = []

    def answered(self) -> list[ClaimAnswer]:
        asked: dict[Key, int] = {}
        for place, claim in enumerate(self._claims):
            asked.setdefault(requests.key_of(claim), place)
        opened = self._open(asked)
        if len(opened) < len(asked):
            earlier = {key: place for key, place in asked.items() if key not in opened}
            opened |= self._go_on(earlier)
        self._spend(self._wanted(asked, opened))
        requests.forget(self._transaction, self._traces)
        requests.decide(self._transaction, self._decisions)
        return self._answers

    def _open(self, asked: dict[Key, int]) -> dict[Key, str | None]:
        claims = [self._claims[place] for place in asked.values()]
        return requests.open_new(self._transaction, claims)

    def _go_on(self, asked: dict[Key, int]) -> dict[Key, str | None]:
        """Answer for requests that were seen before; open anew what is over."""
        found = requests.find(self._transaction, [self._claims[place] for place in asked.values()])
        over = {}
        for key, row in found.items():
            place = asked[key]
            answer = self._continued(self._claims[place], row)
            if answer is None:
                over[key] = place
            else:
                self._answers[place] = answer
        if not over:
            return {}
        requests.drop(self._transaction, [found[key] for key in over])
        return self._open(over)

    def _continued(self, claim: Claim, earlier: Earlier) -> ClaimAnswer | None:
        """Answer for a request that was seen before; None if it begins anew."""
        now = self._transaction.now
        running = earlier.lease_until > now
        if earlier.created_at <= now - requests.WINDOW and not running:
            return None
        if earlier.fingerprint != claim.fingerprint.hex():
            return Refused(RequestIdReused())
        if earlier.state == "DONE":
            return Answered(earlier.verdict())
        if running:
            return self._held(earlier.lease_until)
        if earlier.token_id is None:
            return None
        return self._take_over(claim, earlier, earlier.token_id)

    def _take_over(self, claim: Claim, earlier: Earlier, token_id: str) -> ClaimAnswer | None:
        """Go on where the same request broke off: its attempt is spent already.

        None if somebody else has used the token since: then the request begins
        anew, with an attempt of its own.
        """
        if not self._look([(claim.tenant, token_id)]):
            return _SOON
        values = self._values([(claim.tenant, token_id, claim.lease, earlier.lease)])
        rows = self._transaction.run(_TAKE_OVER, values)
        if not rows:
            return None
        requests.pass_on(self._transaction, claim, earlier.lease)
        return Granted(token_of(rows[0]))

    def _wanted(self, asked: dict[Key, int], opened: dict[Key, str | None]) -> list[Wanted]:
        """Return which tokens to take; each is wanted once, first come."""
        wanted: dict[Key, Wanted] = {}
        for key, place in asked.items():
            if key not in opened:
                continue
            claim, token_id = self._claims[place], opened[key]
            if token_id is None:
                self._answers[place] = _GRANTED_UNKNOWN
            elif (claim.tenant, token_id) in wanted:
                self._traces.append(claim)
            else:
                wanted[claim.tenant, token_id] = (place, claim, token_id)
        return list(wanted.values())

    def _spend(self, wanted: Sequence[Wanted]) -> None:
        if not wanted:
            return
        rows = self._transaction.run(_SPEND, self._values(map(_spending, wanted)))
        spent = {(row[0], row[1]): row for row in rows}
        refused = []
        for wish in wanted:
            place, claim, token_id = wish
            row = spent.get((claim.tenant, token_id))
            if row is None:
                refused.append(wish)
            else:
                self._answers[place] = Granted(token_of(row))
        if refused:
            self._diagnose(refused)

    def _diagnose(self, refused: Sequence[Wanted]) -> None:
        """Say why no attempt could be spent, in the transaction that tried."""
        seen = self._look([(claim.tenant, token_id) for _, claim, token_id in refused])
        exhausted = []
        for place, claim, token_id in refused:
            row = seen.get((claim.tenant, token_id))
            answer = self._diagnosis(claim, row)
            self._answers[place] = answer
            if row is None or not isinstance(answer, Answered):
                self._traces.append(claim)
                continue
            self._decisions.append(audit.decision(claim, answer.verdict, token_id, row[2]))
            if row[4] == State.ACTIVE:
                limits = claim.limits
                exhausted.append((claim.tenant, token_id, limits.consecutive, limits.since_unlock))
        if exhausted:
            self._transaction.run(_LOCK, self._values(exhausted))

    def _diagnosis(self, claim: Claim, row: Row | None) -> ClaimAnswer:
        if row is None:
            return _SOON
        digits, state, lease_until = row[3:6]
        if digits != claim.code_length:
            return Refused(InvalidField("code", f"this token's codes have {digits} digits"))
        if state != State.ACTIVE:
            return _EXHAUSTED if state == LOCKED else Answered(Verdict(Outcome.NOT_ACTIVE))
        if lease_until is not None and lease_until > self._transaction.now:
            return self._held(lease_until)
        # Free again, by whoever held it when the attempt should have been spent.
        return _SOON if _attempts_left(claim, row) else _EXHAUSTED

    def _look(self, tokens: Iterable[tuple[str, str]]) -> dict[Key, Row]:
        """Return the tokens' rows, but none that another transaction writes to."""
        rows = self._transaction.run(_LOOK, {"batch": encoded(tokens)})
        return {(row[0], row[1]): row for row in rows}

    def _held(self, until: int) -> Held:
        return Held((until - self._transaction.now) / requests.MICROSECONDS)

    def _values(self, rows: Iterable[tuple[object, ...]]) -> dict[str, Value]:
        now = self._transaction.now
        return {"batch": encoded(rows), "now": now, "until": now + requests.LEASE}


def _spending(wish: Wanted) -> tuple[object, ...]:
    _, claim, token_id = wish
    limits = claim.limits
    return (
        claim.tenant,
        token_id,
        claim.lease,
        claim.code_length,
        claim.today,
        limits.consecutive,
        limits.daily,
        limits.since_unlock,
    )


def _attempts_left(claim: Claim, row: Row) -> int:
    failures, day, day_failures, unlock_failures = row[6:]
    today = day_failures if day is not None and day >= claim.today.isoformat() else 0
    return claim.limits.left(failures, today, unlock_failures)
