# SPDX-License-Identifier: Apache-2.0
"""A customer is asked to sign what the bank is about to do for him."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from kagimori.application.enrollment.ports import Stale
from kagimori.application.enrollment.standing import while_stale
from kagimori.application.policies import Policies, policy_of
from kagimori.application.signing.ports import (
    Before,
    ChallengeStore,
    Hindrance,
    Made,
    NewChallenge,
)
from kagimori.application.signing.rules import require_profile, signing_of
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import (
    AuthorityError,
    CannotSign,
    ChallengeOver,
    NoToken,
    RequestIdReused,
)
from kagimori.domain.transaction import (
    Challenge,
    SigningProfile,
    Transaction,
    check_challenge,
    question_of,
)
from kagimori.domain.value import value

_REFUSALS: Final[dict[Hindrance, type[AuthorityError]]] = {
    Hindrance.NO_TOKEN: NoToken,
    Hindrance.CANNOT_SIGN: CannotSign,
}


@value(frozen=True, slots=True)
class MadeChallenge:
    """A challenge that can be answered until ``expires_at`` (UTC, by the database's clock)."""

    challenge: Challenge
    profile: SigningProfile
    expires_at: datetime


class CreateTransactionChallenge:
    """The use case behind ``CreateTransactionChallenge``."""

    def __init__(self, store: ChallengeStore, digests: Fingerprints, policies: Policies) -> None:
        """``policies`` is by service ID."""
        self._store = store
        self._digests = digests
        self._policies = policies

    async def __call__(
        self,
        caller: Caller,
        request_id: str,
        subscriber_ref: str,
        profile: SigningProfile,
        transaction: Transaction,
    ) -> MadeChallenge:
        """Return the challenge of this request, which is durable; nothing is spent by it.

        A locked token gets one like any other: that it is locked is told by what becomes
        of a code. Raises `NotOffered`, `InvalidField`, `NoToken`, `CannotSign`,
        `RequestIdReused`, `ChallengeOver` where the request's challenge is over, or a
        `TryAgain`.
        """
        policy = policy_of(self._policies, caller.tenant)
        signing = signing_of(policy)
        require_profile(signing, profile)
        challenge = Challenge(caller.tenant, str(uuid4()), transaction)
        check_challenge(challenge)
        # A batch cannot be typed: said now, and not when a code is given.
        question_of(profile, challenge)
        new = NewChallenge(
            tenant=caller.tenant,
            challenge_id=challenge.challenge_id,
            request_id=request_id,
            subscriber=kept_name(self._digests, policy, subscriber_ref),
            profile=profile,
            digest=challenge.digest,
            valid_for=timedelta(minutes=signing.minutes),
        )
        return await while_stale(lambda: self._attempt(new, challenge))

    async def _attempt(self, new: NewChallenge, challenge: Challenge) -> MadeChallenge | Stale:
        answer = await self._store.make(new)
        match answer:
            case Made(expires_at=expires_at):
                return MadeChallenge(challenge, new.profile, expires_at)
            case Before():
                return _again(answer, new, challenge.transaction)
            case Hindrance.STALE:
                return Stale()
        raise _REFUSALS[answer]


def _again(before: Before, new: NewChallenge, transaction: Transaction) -> MadeChallenge:
    """Return what the request made before, if it asks for just that."""
    challenge = Challenge(new.tenant, before.challenge_id, transaction)
    asked = new.subscriber, new.profile, challenge.digest
    if asked != (before.subscriber, before.profile, before.digest):
        raise RequestIdReused
    if before.is_over:
        raise ChallengeOver
    return MadeChallenge(challenge, before.profile, before.expires_at)
