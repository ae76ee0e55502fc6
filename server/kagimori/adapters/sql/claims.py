# SPDX-License-Identifier: Apache-2.0
"""Claims: the token's lease and one attempt, in one guarded statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from kagimori.adapters.sql import requests
from kagimori.adapters.sql.database import Asked, Row, Transaction, Value
from kagimori.adapters.sql.dialect import Returning, statement
from kagimori.adapters.sql.ledger import Ledger
from kagimori.adapters.sql.requests import Earlier, Key
from kagimori.adapters.sql.rows import ALL, token_of
from kagimori.application.ports import (
    Answered,
    Claim,
    ClaimAnswer,
    Granted,
    GrantedUnknown,
    Held,
    Refused,
)
from kagimori.domain.errors import AuthorityError, InvalidField, RequestIdReused
from kagimori.domain.lifecycle import IN_STOCK, NOBODYS, Event, State, after
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import TAKES_STOCK, Attempts, Operation
from kagimori.domain.token import Kind

_CLAIMED: Final = {
    operation: State.ASSIGNED if operation is Operation.ACTIVATION else State.ACTIVE
    for operation in set(Operation) - TAKES_STOCK
}
"""In which state a customer's token is that an operation takes."""

_SPENT_UP: Final = {state: after(state, Event.LOCK) for state in set(_CLAIMED.values())}
"""What becomes of it when no attempts are left. One in stock stays what it is."""

# Somebody else is about to commit: that takes a flush of the log.
_SOON: Final = Held(0.01)

_GRANTED_UNKNOWN: Final = GrantedUnknown()
_EXHAUSTED: Final = Answered(Verdict(Outcome.LOCKED, None, 0))
_NOT_ACTIVE: Final = Answered(Verdict(Outcome.NOT_ACTIVE))

_PARTS: Final = {
    "lease": str(requests.LEASE),
    "same_token": "WHERE tokens.tenant = b.tenant AND tokens.token_id = b.token_id",
    # See `_CLAIMED`.
    "claimable": """
CASE WHEN {takes_stock} THEN tokens.state = 'IN_STOCK' OR tokens.state = 'RETURNED'
  ELSE tokens.state = {claimed_state} END
""",
    "takes_stock": requests.TAKES_STOCK,
    "claimed_state": "CASE WHEN b.operation = 'ACTIVATION' THEN 'ASSIGNED' ELSE 'ACTIVE' END",
    # `Validity`, by the database's clock.
    "in_its_time": (
        "(tokens.not_before IS NULL OR tokens.not_before <= {now})"
        " AND (tokens.not_after IS NULL OR tokens.not_after > {now})"
    ),
}

# Whoever has just taken a token is the only one to hold it by that lease.
_TAKEN: Final = Returning(
    ", ".join(f"tokens.{column}" for column in ALL) + ", b.request_id",
    """
FROM tokens
WHERE tokens.tenant = b.tenant AND tokens.token_id = {claimed} AND tokens.lease = b.lease
""",
)

_TAKEN_OVER: Final = Returning(
    ", ".join(f"tokens.{column}" for column in ALL),
    "FROM tokens WHERE tokens.tenant = b.tenant AND tokens.token_id = b.token_id",
)

# The day only moves forward: two servers on either side of midnight must not
# give a token a new budget at every call.
# Of two claims that name one token the first has it.
_SPEND: Final = statement(
    """
{batch}
UPDATE tokens SET
  lease = b.lease,
  lease_until = {now} + {lease},
  failures = tokens.failures + 1,
  day_failures = CASE WHEN tokens.day >= b.today THEN tokens.day_failures ELSE 0 END + 1,
  day = CASE WHEN tokens.day > b.today THEN tokens.day ELSE b.today END,
  unlock_failures = tokens.unlock_failures + 1
{from_batch}
WHERE tokens.tenant = b.tenant AND tokens.token_id = {claimed}
  AND {claimable}
  AND tokens.digits = b.code_length
  AND {in_its_time}
  AND tokens.failures < b.consecutive
  AND (tokens.day IS NULL OR tokens.day < b.today OR tokens.day_failures < b.daily)
  AND tokens.unlock_failures < b.since_unlock
  AND (tokens.lease IS NULL OR tokens.lease_until <= {now})
{returning}
""",
    batch=requests.CLAIM,
    parts=_PARTS,
    unlocked_tokens=True,
    returning=_TAKEN,
)

_TAKE_OVER: Final = statement(
    """
{batch}
UPDATE tokens SET lease = b.new_lease, lease_until = {now} + {lease}
{from_batch}
{same_token}
  AND {claimable} AND {in_its_time}
  AND tokens.lease = b.old_lease AND tokens.lease_until <= {now}
{returning}
""",
    batch={
        "tenant": "text",
        "token_id": "text",
        "operation": "text",
        "new_lease": "uuid",
        "old_lease": "uuid",
    },
    parts=_PARTS,
    returning=_TAKEN_OVER,
)

_TOKEN: Final = {"tenant": "text", "token_id": "text"}

_LOOK: Final = statement(
    """
{batch}
SELECT t.tenant, t.token_id, t.serial, t.digits, t.state, t.lease_until, t.failures, t.day,
       t.day_failures, t.unlock_failures, t.not_before, t.not_after, t.kind
FROM tokens t {and_batch} WHERE t.tenant = b.tenant AND t.token_id = b.token_id
{skip_locked}
""",
    batch=_TOKEN,
)

# Attempts that nobody settled (a crash) count like the others. A token in stock cannot be
# locked: its attempts alone say so.
_LOCK: Final = statement(
    """
{batch}
UPDATE tokens SET
  state = CASE WHEN tokens.state = 'ASSIGNED' THEN 'BARRED' ELSE 'LOCKED' END,
  generation = tokens.generation + 1, lease = NULL, lease_until = NULL
{from_batch}
{same_token} AND {claimable} AND tokens.subscriber IS NOT NULL
  AND (tokens.lease IS NULL OR tokens.lease_until <= {now})
  AND (tokens.failures >= b.consecutive OR tokens.unlock_failures >= b.since_unlock)
""",
    batch={
        **_TOKEN,
        "operation": "text",
        "consecutive": "integer",
        "since_unlock": "integer",
    },
    parts=_PARTS,
)

Wanted = tuple[int, Claim, str]
"""A claim's place in the batch, the claim, and the ``token_id`` it named."""


class Claims:
    """One batch of claims on its way to its ``answers``.

    Whatever is not granted or answered leaves no trace. Whatever cannot be looked
    at now is `Held`: that is the answer every claim begins with.
    """

    def __init__(self, claims: Sequence[Claim]) -> None:
        """Begin with ``claims``."""
        self._claims = claims
        self._ledger = Ledger()
        self.answers: list[ClaimAnswer] = [_SOON] * len(claims)
        # Of one request that is named twice, the first claim is looked at.
        self._asked: dict[Key, int] = {}
        for place, claim in enumerate(claims):
            self._asked.setdefault((claim.tenant, claim.request_id), place)
        self._earlier: dict[Key, int] = {}
        self._refused: list[Wanted] = []

    def first(self) -> Sequence[Asked]:
        """Return what opens the requests and takes the tokens that they name."""
        return self._opening(self._asked)

    def take(self, given: Iterator[list[Row]]) -> None:
        """Take what `first` gave."""
        if self._asked:
            self._earlier = self._grant(self._asked, next(given), next(given))

    @property
    def is_open(self) -> bool:
        """Return whether something was not simply granted."""
        return bool(self._earlier or self._refused)

    def fail_open(self, error: AuthorityError) -> None:
        """Refuse what was not simply granted; its requests can be sent again."""
        for place in (*self._earlier.values(), *(place for place, _, _ in self._refused)):
            self.answers[place] = Refused(error)

    async def finish(self, transaction: Transaction, *more: Asked) -> None:
        """Answer whatever was not simply granted, run ``more`` after it, and commit."""
        self._transaction = transaction
        if self._earlier:
            await self._go_on(self._earlier)
        if self._refused:
            await self._diagnose(self._refused)
        await self._ledger.write(transaction, *more, last=True)

    def _opening(self, asked: Mapping[Key, int]) -> Sequence[Asked]:
        if not asked:
            return ()
        rows = [requests.row_of(self._claims[place]) for place in asked.values()]
        return Asked(requests.OPEN, {}, rows), Asked(_SPEND, {}, rows)

    def _grant(
        self, asked: Mapping[Key, int], opened: Sequence[Row], taken: Sequence[Row]
    ) -> dict[Key, int]:
        """Grant what was taken; return the requests that were there before."""
        spent = {(row[0], row[-1]): row for row in taken}
        new = {(row[0], row[1]): row[2] for row in opened}
        earlier: dict[Key, int] = {}
        for key, place in asked.items():
            row = spent.get(key)
            if row is not None:
                self.answers[place] = Granted(token_of(row[:-1]))
            elif key not in new:
                earlier[key] = place
            elif new[key] is None:
                self.answers[place] = _GRANTED_UNKNOWN
            else:
                self._refused.append((place, self._claims[place], new[key]))
        return earlier

    async def _go_on(self, asked: Mapping[Key, int]) -> None:
        """Answer for requests that were seen before; open anew what is over."""
        found = await requests.find(
            self._transaction, [self._claims[place] for place in asked.values()]
        )
        over = {}
        for key, row in found.items():
            place = asked[key]
            answer = await self._continued(self._claims[place], row)
            if answer is None:
                over[key] = place
            else:
                self.answers[place] = answer
        if over:
            await requests.drop(self._transaction, [found[key] for key in over])
            self._grant(over, *await self._transaction.run(*self._opening(over)))

    async def _continued(self, claim: Claim, earlier: Earlier) -> ClaimAnswer | None:
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
        return await self._take_over(claim, earlier, earlier.token_id)

    async def _take_over(self, claim: Claim, earlier: Earlier, token_id: str) -> ClaimAnswer | None:
        """Go on where the same request broke off: its attempt is spent already.

        None if somebody else has used the token since: then the request begins
        anew, with an attempt of its own.
        """
        if not await self._look([(claim.tenant, token_id)]):
            return _SOON
        leases = [(claim.tenant, token_id, claim.operation, claim.lease, earlier.lease)]
        (rows,) = await self._transaction.run(Asked(_TAKE_OVER, {}, leases))
        if not rows:
            return None
        await requests.pass_on(self._transaction, claim, earlier.lease)
        return Granted(token_of(rows[0]))

    async def _diagnose(self, refused: Sequence[Wanted]) -> None:
        """Say why no attempt could be spent, in the transaction that tried."""
        seen = await self._look([(claim.tenant, token_id) for _, claim, token_id in refused])
        traces, exhausted = [], []
        for place, claim, token_id in refused:
            row = seen.get((claim.tenant, token_id))
            answer = self._diagnosis(claim, row)
            self.answers[place] = answer
            if row is None or not isinstance(answer, Answered):
                traces.append(claim)
                continue
            verdict = answer.verdict
            self._ledger.add(claim, verdict.outcome, verdict.attempts_left, token_id, row[2])
            if answer is _EXHAUSTED and row[4] == _CLAIMED.get(claim.operation):
                exhausted.append(_exhausted(claim, token_id))
        await requests.forget(self._transaction, traces)
        if exhausted:
            await self._transaction.run(Asked(_LOCK, {}, exhausted))

    def _diagnosis(self, claim: Claim, row: Row | None) -> ClaimAnswer:
        if row is None or _is_no_such_token(claim, row, self._transaction.now):
            # It was one when the request was opened.
            return _SOON
        digits, lease_until = row[3], row[5]
        if digits != claim.code_length:
            field = "first_code" if claim.operation is Operation.RESYNC else "code"
            return Refused(InvalidField(field, f"this token's codes have {digits} digits"))
        unfit = _unfit(claim, row, self._transaction.now)
        if unfit is not None:
            return unfit
        if lease_until is not None and lease_until > self._transaction.now:
            return self._held(lease_until)
        # Free again, by whoever held it when the attempt should have been spent.
        return _SOON if _attempts_left(claim, row) else _EXHAUSTED

    async def _look(self, tokens: Sequence[tuple[str, str]]) -> dict[Key, Row]:
        """Return the tokens' rows, but none that another transaction writes to."""
        (rows,) = await self._transaction.run(Asked(_LOOK, {}, tokens))
        return {(row[0], row[1]): row for row in rows}

    def _held(self, until: int) -> Held:
        return Held((until - self._transaction.now) / requests.MICROSECONDS)


def _exhausted(claim: Claim, token_id: str) -> tuple[Value, ...]:
    limits = claim.limits
    return claim.tenant, token_id, claim.operation, limits.consecutive, limits.since_unlock


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
    state, wanted = row[4], _CLAIMED.get(claim.operation)
    if wanted is None or state == wanted:
        return None
    return _EXHAUSTED if state == _SPENT_UP[wanted] else _NOT_ACTIVE


def _is_in_its_time(row: Row, now: int) -> bool:
    not_before, not_after = row[10:12]
    return (not_before is None or not_before <= now) and (not_after is None or now < not_after)
