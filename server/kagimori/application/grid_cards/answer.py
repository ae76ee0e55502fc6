# SPDX-License-Identifier: Apache-2.0
"""An answer from a grid card: counted, judged by the HSM, and written down before it is told."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from kagimori.application.enrollment.ports import Done, Stale
from kagimori.application.enrollment.standing import while_stale
from kagimori.application.grid_cards.card import (
    claimed,
    exhausted,
    given_back,
    judged,
    offered,
    open_challenge,
)
from kagimori.application.grid_cards.ports import (
    Card,
    CardStore,
    CardVault,
    Given,
    GridAnswer,
    GridVerdict,
    Line,
    Seen,
)
from kagimori.application.policies import Policies, policy_of
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.calendar import day_of
from kagimori.domain.errors import (
    ChallengeOver,
    HsmUnavailable,
    LeaseLost,
    NoGridCard,
    RecordTampered,
    RequestIdReused,
)
from kagimori.domain.grid_card import CardState, GridOutcome
from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.value import value

ACTION: Final = "GRID_ANSWER"
"""What the audit log calls it."""

_NO_ATTEMPTS: Final = GridVerdict(GridOutcome.LOCKED, 0)
_RETRY_AFTER: Final = 0.25


class Use(StrEnum):
    """What an answer is given for: one that is right is right for that alone."""

    REGISTRATION = "REGISTRATION"
    VERIFICATION = "VERIFICATION"


@value(frozen=True, slots=True)
class _Wish:
    """One call: who asks, of whose card, by which rules, and what was read on it."""

    caller: Caller
    policy: TenantPolicy
    subscriber: str
    answer: GridAnswer
    given: Given


class AnswerGridChallenge:
    """Judges answers, for whoever asks a customer for his card."""

    def __init__(
        self, store: CardStore, vault: CardVault, digests: Fingerprints, policies: Policies
    ) -> None:
        """``policies`` is by service ID."""
        self._store = store
        self._vault = vault
        self._digests = digests
        self._policies = policies

    async def __call__(
        self,
        caller: Caller,
        policy: TenantPolicy,
        subscriber: str,
        request_id: str,
        answer: GridAnswer,
    ) -> GridVerdict:
        """Judge an answer that comes with a registration; see `judged`."""
        return await self.judged(caller, policy, subscriber, request_id, answer)

    async def judged(  # noqa: PLR0913, PLR0917 - one answer, six facts
        self,
        caller: Caller,
        policy: TenantPolicy,
        subscriber: str,
        request_id: str,
        answer: GridAnswer,
        use: Use = Use.REGISTRATION,
    ) -> GridVerdict:
        """Return what becomes of ``answer``; it is durable, and the same if asked for again.

        ``subscriber`` is the customer's name as it is kept, ``request_id`` a UUID. Each
        challenge gets one answer, which costs an attempt before it is looked at; a right
        one gives it back. So does an HSM that fails; the same challenge can be answered
        then. The same request_id gives the same verdict until a new challenge is made.
        Raises `NotOffered`, `NoGridCard`, `ChallengeOver`, `RequestIdReused`,
        `RecordTampered` or a `TryAgain`.
        """
        offered(policy)
        given = Given(request_id, self._fingerprint(caller.tenant, answer, use))
        wish = _Wish(caller, policy, subscriber, answer, given)
        return await while_stale(lambda: self._attempt(wish))

    async def verified(
        self, caller: Caller, request_id: str, subscriber_ref: str, answer: GridAnswer
    ) -> GridVerdict:
        """Judge an answer that comes alone; ``subscriber_ref`` is the bank's own number."""
        policy = policy_of(self._policies, caller.tenant)
        subscriber = kept_name(self._digests, policy, subscriber_ref)
        return await self.judged(caller, policy, subscriber, request_id, answer, Use.VERIFICATION)

    async def _attempt(self, wish: _Wish) -> GridVerdict | Stale:
        seen = await self._look(wish)
        card, earlier = seen.card, _earlier(seen.card, wish)
        if earlier is not None and earlier.verdict is not None:
            return earlier.verdict
        if earlier is not None:
            # Whoever judged it has died, or judges it still: its attempt is spent.
            return await self._judge(wish, card, resumed=True)
        if card.state is CardState.LOCKED:
            return await self._refuse(wish, card)
        challenge = open_challenge(seen)
        if challenge is None or challenge.challenge_id != wish.answer.challenge_id:
            raise ChallengeOver
        today = day_of(seen.now, wish.policy.zone).isoformat()
        if not card.spent.left(wish.policy.limits, today):
            return await self._refuse(wish, card)
        ours = claimed(card, wish.given, today)
        if await self._store.change(card, ours) != Done():
            return Stale()
        return await self._judge(wish, ours, resumed=False)

    async def _look(self, wish: _Wish) -> Seen:
        seen = await self._store.look(wish.caller.tenant, wish.subscriber)
        if seen is None:
            raise NoGridCard
        return seen

    async def _refuse(self, wish: _Wish, card: Card) -> GridVerdict | Stale:
        locked = exhausted(card, wish.policy.limits)
        written = await self._store.change(card, locked, _line(wish, _NO_ATTEMPTS))
        return _NO_ATTEMPTS if written == Done() else Stale()

    async def _judge(self, wish: _Wish, card: Card, *, resumed: bool) -> GridVerdict:
        """Have the HSM compare, and write down what it says."""
        right = await self._compared(wish, card, resumed=resumed)
        becomes = judged(card, wish.policy.limits, right=right)
        verdict = _verdict_of(becomes)
        if await self._store.change(card, becomes, _line(wish, verdict)) == Done():
            return verdict
        # The same request may have been judged beside this one.
        earlier = _earlier((await self._look(wish)).card, wish)
        if earlier is not None and earlier.verdict is not None:
            return earlier.verdict
        raise LeaseLost("the challenge was made anew meanwhile", _RETRY_AFTER)

    async def _compared(self, wish: _Wish, card: Card, *, resumed: bool) -> bool:
        challenge = card.challenge
        if challenge is None:
            raise ChallengeOver
        try:
            return await self._vault.cells_match(
                card.identity, card.row_mac, challenge.pair, wish.answer.cells
            )
        except (HsmUnavailable, RecordTampered):
            # Where it is judged again, the first time may have had a result.
            if not resumed:
                await self._store.change(card, given_back(card))
            raise

    def _fingerprint(self, tenant: str, answer: GridAnswer, use: Use) -> bytes:
        """Return what makes two requests the same. No part is free text."""
        first, second = answer.cells.reveal()
        message = f"grid {use} {first} {second} {answer.challenge_id}"
        return self._digests.fingerprint(tenant, message.encode())


class VerifyGridAnswer:
    """The use case behind ``VerifyGridAnswer``."""

    def __init__(self, answer: AnswerGridChallenge) -> None:
        """``answer`` judges."""
        self._answer = answer

    async def __call__(
        self, caller: Caller, request_id: str, subscriber_ref: str, answer: GridAnswer
    ) -> GridVerdict:
        """See `AnswerGridChallenge.judged`."""
        return await self._answer.verified(caller, request_id, subscriber_ref, answer)


def _earlier(card: Card, wish: _Wish) -> Given | None:
    """Return what is known of this very request."""
    given = card.given
    if given is None or given.request_id != wish.given.request_id:
        return None
    if given.fingerprint != wish.given.fingerprint:
        raise RequestIdReused
    return given


def _verdict_of(card: Card) -> GridVerdict:
    if card.given is None or card.given.verdict is None:
        raise ValueError("nothing was judged")
    return card.given.verdict


def _line(wish: _Wish, verdict: GridVerdict) -> Line:
    return Line(wish.caller.name, ACTION, wish.given.request_id, verdict.outcome)
