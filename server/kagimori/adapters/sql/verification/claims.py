# SPDX-License-Identifier: Apache-2.0
"""Claims: the token's lease and one attempt, in one guarded statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from kagimori.adapters.sql.database import Asked, Row, Transaction, Value
from kagimori.adapters.sql.rows import token_of
from kagimori.adapters.sql.verification import requests, signatures, taking
from kagimori.adapters.sql.verification.diagnosis import (
    CLAIMED,
    EXHAUSTED,
    LOOK,
    SOON,
    diagnosis,
    held,
)
from kagimori.adapters.sql.verification.ledger import Ledger
from kagimori.adapters.sql.verification.requests import Earlier, Key
from kagimori.adapters.sql.verification.settlements import Settlements
from kagimori.application.ports import (
    Answered,
    Claim,
    ClaimAnswer,
    Finding,
    Granted,
    GrantedUnknown,
    Refused,
    Settlement,
)
from kagimori.domain.errors import AuthorityError, ChallengeOver, RequestIdReused
from kagimori.domain.policy import Operation
from kagimori.domain.token import Token

_GRANTED_UNKNOWN: Final = GrantedUnknown()

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
        self.answers: list[ClaimAnswer] = [SOON] * len(claims)
        # Of one request that is named twice, the first claim is looked at.
        self._asked: dict[Key, int] = {}
        for place, claim in enumerate(claims):
            self._asked.setdefault((claim.tenant, claim.request_id), place)
        self._earlier: dict[Key, int] = {}
        self._refused: list[Wanted] = []
        # Signatures whose challenges no token is to answer, by their places; and those
        # that have taken it, for a challenge that was ended just before.
        self._unanswerable: list[int] = []
        self._in_vain: list[tuple[int, Token]] = []

    def first(self) -> Sequence[Asked]:
        """Return what opens the requests and takes the tokens that they name."""
        return self._opening(self._asked)

    def take(self, given: Iterator[list[Row]]) -> None:
        """Take what `first` gave."""
        if self._asked:
            self._earlier = self._grant(self._asked, given)

    @property
    def is_open(self) -> bool:
        """Return whether something was not simply granted."""
        return bool(self._earlier or self._refused or self._unanswerable or self._in_vain)

    def fail_open(self, error: AuthorityError) -> None:
        """Refuse what was not simply granted; its requests can be sent again."""
        refused = (place for place, _, _ in self._refused)
        in_vain = (place for place, _ in self._in_vain)
        for place in (*self._earlier.values(), *refused, *self._unanswerable, *in_vain):
            self.answers[place] = Refused(error)

    async def finish(self, transaction: Transaction, *more: Asked) -> None:
        """Answer whatever was not simply granted, run ``more`` after it, and commit."""
        self._transaction = transaction
        if self._earlier:
            await self._go_on(self._earlier)
        if self._refused:
            await self._diagnose(self._refused)
        if self._unanswerable:
            await self._explain(self._unanswerable)
        if self._in_vain:
            await self._give_back(self._in_vain)
        await self._ledger.write(transaction, *more, last=True)

    def _opening(self, asked: Mapping[Key, int]) -> Sequence[Asked]:
        if not asked:
            return ()
        claims = [self._claims[place] for place in asked.values()]
        rows = [requests.row_of(claim) for claim in claims]
        opening = Asked(requests.OPEN, {}, rows), Asked(taking.SPEND, {}, rows)
        return *opening, *signatures.seeds(claims)

    def _grant(self, asked: Mapping[Key, int], given: Iterator[list[Row]]) -> dict[Key, int]:
        """Grant what was taken, by what `_opening` gave; return the requests there were before."""
        opened, taken = next(given), next(given)
        seeds = signatures.taken([self._claims[place] for place in asked.values()], given)
        spent = {(row[0], row[-1]): row for row in taken}
        new = {(row[0], row[1]): row[2] for row in opened}
        earlier: dict[Key, int] = {}
        for key, place in asked.items():
            row = spent.get(key)
            if row is not None:
                self._take_in(place, token_of(row[:-1]), seeds.get(key))
            elif key not in new:
                earlier[key] = place
            elif new[key] is not None:
                self._refused.append((place, self._claims[place], new[key]))
            elif self._claims[place].operation is Operation.SIGNATURE:
                self._unanswerable.append(place)
            else:
                self.answers[place] = _GRANTED_UNKNOWN
        return earlier

    def _take_in(self, place: int, token: Token, seed: Row | None) -> None:
        if signatures.is_over(self._claims[place], seed):
            self._in_vain.append((place, token))
        else:
            self.answers[place] = Granted(token, signatures.seed_of(token, seed))

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
            self._grant(over, iter(await self._transaction.run(*self._opening(over))))

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
            return held(earlier.lease_until, now)
        if earlier.token_id is None:
            return None
        return await self._take_over(claim, earlier, earlier.token_id)

    async def _take_over(self, claim: Claim, earlier: Earlier, token_id: str) -> ClaimAnswer | None:
        """Go on where the same request broke off: its attempt is spent already.

        None if somebody else has used the token since: then the request begins
        anew, with an attempt of its own.
        """
        if not await self._look([(claim.tenant, token_id)]):
            return SOON
        # The token is locked by that: nobody answers its challenges meanwhile.
        (refusal,) = await signatures.refusals(self._transaction, [claim])
        if refusal is not None:
            await requests.drop(self._transaction, [earlier])
            return refusal
        leases = [(claim.tenant, token_id, claim.operation, claim.lease, earlier.lease)]
        (rows,) = await self._transaction.run(Asked(taking.TAKE_OVER, {}, leases))
        if not rows:
            return None
        await requests.pass_on(self._transaction, claim, earlier.lease)
        token = token_of(rows[0])
        seed = await signatures.seed_again(self._transaction, claim)
        if signatures.is_over(claim, seed):
            # It was forgotten for a newer one, just now.
            self._in_vain.append((self._asked[requests.key_of(claim)], token))
            return SOON
        return Granted(token, signatures.seed_of(token, seed))

    async def _explain(self, unanswerable: Sequence[int]) -> None:
        """Say why signatures found no token, and leave no trace of them."""
        claims = [self._claims[place] for place in unanswerable]
        refusals = await signatures.refusals(self._transaction, claims)
        for place, refusal in zip(unanswerable, refusals, strict=True):
            # What has become answerable since is looked at again.
            self.answers[place] = refusal or SOON
        await requests.forget(self._transaction, claims)

    async def _give_back(self, in_vain: Sequence[tuple[int, Token]]) -> None:
        """Let go of tokens that nothing is searched for, with their attempts; leave no trace."""
        settling = Settlements(
            [Settlement(self._claims[place], token, Finding.NO_RESULT) for place, token in in_vain]
        )
        first = await settling.first(self._transaction)
        settling.take(iter(await self._transaction.run(*first)))
        await settling.finish(last=False)
        for place, _ in in_vain:
            self.answers[place] = Refused(ChallengeOver())

    async def _diagnose(self, refused: Sequence[Wanted]) -> None:
        """Say why no attempt could be spent, in the transaction that tried."""
        seen = await self._look([(claim.tenant, token_id) for _, claim, token_id in refused])
        traces, exhausted = [], []
        for place, claim, token_id in refused:
            row = seen.get((claim.tenant, token_id))
            answer = diagnosis(claim, row, self._transaction.now)
            self.answers[place] = answer
            if row is None or not isinstance(answer, Answered):
                traces.append(claim)
                continue
            verdict = answer.verdict
            self._ledger.add(claim, verdict.outcome, verdict.attempts_left, token_id, row[2])
            if answer is EXHAUSTED and row[4] == CLAIMED.get(claim.operation):
                exhausted.append(_exhausted(claim, token_id))
        await requests.forget(self._transaction, traces)
        if exhausted:
            await self._transaction.run(Asked(taking.LOCK, {}, exhausted))

    async def _look(self, tokens: Sequence[tuple[str, str]]) -> dict[Key, Row]:
        """Return the tokens' rows, but none that another transaction writes to."""
        (rows,) = await self._transaction.run(Asked(LOOK, {}, tokens))
        return {(row[0], row[1]): row for row in rows}


def _exhausted(claim: Claim, token_id: str) -> tuple[Value, ...]:
    limits = claim.limits
    return claim.tenant, token_id, claim.operation, limits.consecutive, limits.since_unlock
