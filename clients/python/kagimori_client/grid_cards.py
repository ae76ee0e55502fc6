# SPDX-License-Identifier: Apache-2.0
"""The bank's page 確認用パスワード入力: two positions of the customer's card."""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID

import grpc

from kagimori_client.api.enrollment.v1 import enrollment_pb2_grpc, grid_card_pb2
from kagimori_client.arguments import check_texts, id_of
from kagimori_client.enrolling import EnrollmentLine
from kagimori_client.grid import (
    GridAnswer,
    GridChallenge,
    challenge_of,
    check_accepted,
    grid_message_of,
)

_Challenge: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "grid_card_pb2.CreateGridChallengeRequest, grid_card_pb2.CreateGridChallengeResponse]"
)
_Answer: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "grid_card_pb2.VerifyGridAnswerRequest, grid_card_pb2.VerifyGridAnswerResponse]"
)


class GridCards(EnrollmentLine):
    """What a registrar asks about the grid card (お客様カード)."""

    def _take_from(self, stub: enrollment_pb2_grpc.EnrollmentServiceStub) -> None:
        self._challenge: _Challenge = stub.CreateGridChallenge
        self._answer: _Answer = stub.VerifyGridAnswer

    def create_grid_challenge(
        self, subscriber_ref: str, *, timeout: float | None = None
    ) -> GridChallenge:
        """Return which two positions of the customer's card are asked for next.

        RPC: kagimori.enrollment.v1.EnrollmentService/CreateGridChallenge.

        They stay the same, however often it is called, until they are answered
        rightly. A challenge is answered once, rightly or not: after a wrong answer
        make another.

        Raise `NoGridCard` if the customer has none, `NotOffered` if the bank has none.
        """
        check_texts(None, subscriber_ref=subscriber_ref)
        request = grid_card_pb2.CreateGridChallengeRequest(subscriber_ref=subscriber_ref)
        return challenge_of(self._ask(self._challenge, request, None, timeout))

    def verify_grid_answer(
        self,
        subscriber_ref: str,
        answer: GridAnswer,
        *,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> None:
        """Return if what the customer read on his card is right; else raise.

        RPC: kagimori.enrollment.v1.EnrollmentService/VerifyGridAnswer.

        Asked again and taken up under one ``request_id`` as `activate` is, until
        the next challenge. For `register_token` hand the answer over there: it can be
        judged once.

        Raise `GridAnswerRejected` or `GridCardLocked` if it is no good;
        `ChallengeOver` if it is too late, or was answered before; `NoGridCard` or
        `NotOffered` if there is no card.
        """
        asked_under = id_of(request_id)
        check_texts(asked_under, subscriber_ref=subscriber_ref)
        request = grid_card_pb2.VerifyGridAnswerRequest(
            request_id=str(asked_under),
            subscriber_ref=subscriber_ref,
            answer=grid_message_of(answer, asked_under),
        )
        check_accepted(self._ask(self._answer, request, asked_under, timeout), asked_under)
