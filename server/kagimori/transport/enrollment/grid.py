# SPDX-License-Identifier: Apache-2.0
"""お客様カード: two of its positions asked for, and answered."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from kagimori.api.enrollment.v1.grid_card_pb2 import (
    CreateGridChallengeRequest,
    CreateGridChallengeResponse,
    UnlockGridCardRequest,
    UnlockGridCardResponse,
    VerifyGridAnswerRequest,
    VerifyGridAnswerResponse,
)
from kagimori.application.grid_cards.ports import Challenge, GridAnswer, GridVerdict
from kagimori.application.verification.verify import Caller
from kagimori.transport.call import Call
from kagimori.transport.enrollment.grid_mapping import (
    challenge_of,
    grid_verdict_of,
    required_answer_of,
)
from kagimori.transport.mapping import subscriber_ref_of, uuid_of


class Challenging(Protocol):
    """The use case behind `CreateGridChallenge`."""

    def __call__(self, caller: Caller, subscriber_ref: str) -> Awaitable[Challenge]:
        """Return which positions are asked for; the errors are the domain's."""
        ...


class Answering(Protocol):
    """The use case behind `VerifyGridAnswer`."""

    def __call__(
        self, caller: Caller, request_id: str, subscriber_ref: str, answer: GridAnswer
    ) -> Awaitable[GridVerdict]:
        """Judge what the customer read; the errors are the domain's."""
        ...


class UnlockingCard(Protocol):
    """The use case behind `UnlockGridCard`."""

    def __call__(self, caller: Caller, subscriber_ref: str) -> Awaitable[None]:
        """Unlock a customer's card; the errors are the domain's."""
        ...


@dataclass(frozen=True, slots=True)
class GridCards:
    """What a bank's page asks about the card, and its staff."""

    challenge: Challenging
    answer: Answering
    unlock: UnlockingCard


class GridServicer:
    """Serves a part of kagimori.enrollment.v1.EnrollmentService."""

    def __init__(self, grid_cards: GridCards) -> None:
        """Ask ``grid_cards``."""
        self._grid_cards = grid_cards

    async def CreateGridChallenge(  # noqa: N802 - the RPC's name
        self, request: CreateGridChallengeRequest, call: Call
    ) -> CreateGridChallengeResponse:
        """Name two positions of a customer's card."""
        subscriber_ref = subscriber_ref_of(request.subscriber_ref)
        challenge = await self._grid_cards.challenge(call.identity.caller, subscriber_ref)
        call.facts["challenge_id"] = challenge.challenge_id
        return challenge_of(challenge)

    async def VerifyGridAnswer(  # noqa: N802 - the RPC's name
        self, request: VerifyGridAnswerRequest, call: Call
    ) -> VerifyGridAnswerResponse:
        """Judge what stands there."""
        call.facts["request_id"] = request_id = uuid_of(request.request_id)
        subscriber_ref = subscriber_ref_of(request.subscriber_ref)
        answer = required_answer_of(request)
        call.facts["challenge_id"] = answer.challenge_id
        verdict = await self._grid_cards.answer(
            call.identity.caller, request_id, subscriber_ref, answer
        )
        call.facts["outcome"] = verdict.outcome
        return grid_verdict_of(verdict)

    async def UnlockGridCard(  # noqa: N802 - the RPC's name
        self, request: UnlockGridCardRequest, call: Call
    ) -> UnlockGridCardResponse:
        """Give a locked card its attempts back."""
        subscriber_ref = subscriber_ref_of(request.subscriber_ref)
        await self._grid_cards.unlock(call.identity.caller, subscriber_ref)
        return UnlockGridCardResponse()
