# SPDX-License-Identifier: Apache-2.0
"""取引確認: a challenge about a transaction, and the code that signs it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

from kagimori.api.verification.v1.transaction_pb2 import (
    CreateTransactionChallengeRequest,
    CreateTransactionChallengeResponse,
    VerifyTransactionRequest,
    VerifyTransactionResponse,
)
from kagimori.application.signing.create import MadeChallenge
from kagimori.application.signing.verify import Begun
from kagimori.application.verification.verify import Caller
from kagimori.domain.code import Otp
from kagimori.domain.errors import NotOffered
from kagimori.domain.policy import Operation
from kagimori.domain.transaction import SigningProfile, Transaction
from kagimori.transport.call import Call
from kagimori.transport.mapping import subscriber_ref_of, uuid_of
from kagimori.transport.verification.signing_mapping import (
    challenge_of,
    profile_of,
    signature_of,
    transaction_of,
)


class Challenging(Protocol):
    """The use case behind `CreateTransactionChallenge`."""

    def __call__(
        self,
        caller: Caller,
        request_id: str,
        subscriber_ref: str,
        profile: SigningProfile,
        transaction: Transaction,
    ) -> Awaitable[MadeChallenge]:
        """Return what the customer's token is to sign; the errors are the domain's."""
        ...


class Judging(Protocol):
    """The use case behind `VerifyTransaction`."""

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
        """Begin to judge ``code`` within ``seconds_left``; the errors are the domain's."""
        ...


@dataclass(frozen=True, slots=True)
class Signing:
    """What a bank's transfer page asks. Both are called on the event loop and must not block it."""

    challenge: Challenging
    verify: Judging


class SigningServicer:
    """Serves a part of kagimori.verification.v1.VerificationService."""

    def __init__(self, signing: Signing) -> None:
        """Ask ``signing``."""
        self._signing = signing

    async def CreateTransactionChallenge(  # noqa: N802 - the RPC's name
        self, request: CreateTransactionChallengeRequest, call: Call
    ) -> CreateTransactionChallengeResponse:
        """Make a challenge for the tenant of the caller's certificate."""
        facts = call.facts
        facts["operation"] = Operation.SIGNATURE
        facts["request_id"] = request_id = uuid_of(request.request_id)
        made = await self._signing.challenge(
            call.identity.caller,
            request_id,
            subscriber_ref_of(request.subscriber_ref),
            profile_of(request.profile),
            transaction_of(request),
        )
        facts["challenge_id"] = made.challenge.challenge_id
        return challenge_of(made)

    async def VerifyTransaction(  # noqa: N802 - the RPC's name
        self, request: VerifyTransactionRequest, call: Call
    ) -> VerifyTransactionResponse:
        """Judge the code of a challenge for the tenant of the caller's certificate."""
        facts = call.facts
        facts["operation"] = Operation.SIGNATURE
        facts["request_id"] = request_id = uuid_of(request.request_id)
        subscriber_ref = subscriber_ref_of(request.subscriber_ref)
        facts["challenge_id"] = challenge_id = uuid_of(request.challenge_id, "challenge_id")
        begun = self._signing.verify(
            caller=call.identity.caller,
            request_id=request_id,
            subscriber_ref=subscriber_ref,
            challenge_id=challenge_id,
            transaction=transaction_of(request),
            code=Otp(request.code),
            seconds_left=call.seconds_left,
        )
        verdict = await begun.verdict
        facts["outcome"] = verdict.outcome
        return signature_of(verdict, begun.digest)


def _nobody_signs(*_told: object, **_named: object) -> NoReturn:
    raise NotOffered("signing transactions")


SIGNS_NOTHING: Final = Signing(_nobody_signs, _nobody_signs)
"""For servers that this is not asked of."""
