# SPDX-License-Identifier: Apache-2.0
"""The code that a customer's token shows over a transaction is judged."""

from __future__ import annotations

from asyncio import Future

from kagimori.application.policies import Policies, policy_of
from kagimori.application.ports import BySubscriber
from kagimori.application.signing.rules import signing_of
from kagimori.application.verification.verify import Caller, VerifyOtp
from kagimori.domain.code import Otp
from kagimori.domain.outcome import Verdict
from kagimori.domain.transaction import Challenge, Transaction, check_challenge
from kagimori.domain.value import value


@value(frozen=True, slots=True)
class Begun:
    """A verification under way. ``digest`` is the transaction's, as receipts name it."""

    verdict: Future[Verdict]
    digest: str


class VerifyTransaction:
    """The use case behind ``VerifyTransaction``."""

    def __init__(self, verify: VerifyOtp, policies: Policies) -> None:
        """``policies`` is by service ID."""
        self._verify = verify
        self._policies = policies

    def __call__(  # noqa: PLR0913 - one call, seven facts
        self,
        *,
        caller: Caller,
        request_id: str,
        subscriber_ref: str,
        challenge_id: str,
        transaction: Transaction,
        code: Otp,
        seconds_left: float,
    ) -> Begun:
        """Judge ``code`` within ``seconds_left`` seconds; the verdict is durable.

        ``transaction`` is what the bank will carry out. To be called on the event loop.
        Raises `NotIdentified`, `NotOffered` or `InvalidField` at once. The future may
        fail as that of `VerifyOtp.sign` does, with `ChallengeOver` and
        `TransactionChanged` among others, which spend nothing.
        """
        signing_of(policy_of(self._policies, caller.tenant))
        challenge = Challenge(caller.tenant, challenge_id, transaction)
        check_challenge(challenge)
        verdict = self._verify.sign(
            caller=caller,
            request_id=request_id,
            subscriber=BySubscriber(subscriber_ref),
            signed=challenge,
            code=code,
            seconds_left=seconds_left,
        )
        return Begun(verdict, challenge.digest.hex())
