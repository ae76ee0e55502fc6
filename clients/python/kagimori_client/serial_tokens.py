# SPDX-License-Identifier: Apache-2.0
"""The bank's pages 利用開始, 交換 and 利用中止: tokens that customers name by serial number."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import grpc

from kagimori_client.api.enrollment.v1 import (
    enrollment_pb2,
    enrollment_pb2_grpc,
    registration_pb2,
)
from kagimori_client.arguments import check_choice, check_texts, id_of
from kagimori_client.enrollment import Enrollment
from kagimori_client.grid import GridAnswer
from kagimori_client.grid_cards import GridCards
from kagimori_client.receipt import Receipt
from kagimori_client.registering import (
    begun_of,
    chosen_of,
    receipt_of,
    registration_of,
    replacement_of,
)
from kagimori_client.replacement_receipt import ReplacementReceipt

_Register: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "registration_pb2.RegisterTokenRequest, registration_pb2.RegisterTokenResponse]"
)
_Choose: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "enrollment_pb2.SetLoginOtpRequest, enrollment_pb2.SetLoginOtpResponse]"
)
_Terminate: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "registration_pb2.TerminateTokenRequest, registration_pb2.TerminateTokenResponse]"
)
_Begin: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "registration_pb2.BeginReplacementRequest, registration_pb2.BeginReplacementResponse]"
)
_Complete: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "registration_pb2.CompleteReplacementRequest, registration_pb2.CompleteReplacementResponse]"
)


class SerialTokens(GridCards):
    """What a registrar asks for tokens that have a serial number before they have a customer."""

    def _take_from(self, stub: enrollment_pb2_grpc.EnrollmentServiceStub) -> None:
        super()._take_from(stub)
        self._register: _Register = stub.RegisterToken
        self._choose: _Choose = stub.SetLoginOtp
        self._terminate: _Terminate = stub.TerminateToken
        self._begin: _Begin = stub.BeginReplacement
        self._complete: _Complete = stub.CompleteReplacement

    def register_token(  # noqa: PLR0913 - all but what is on the token by keyword
        self,
        subscriber_ref: str,
        serial: str,
        code: str,
        *,
        login_otp: bool | None = None,
        grid_answer: GridAnswer | None = None,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Take a token into use (利用開始) that the customer has in his hands.

        RPC: kagimori.enrollment.v1.EnrollmentService/RegisterToken.

        ``serial`` (シリアル番号) and ``code`` are sent exactly as typed: half-width
        capitals and digits, as long as the bank's rules say, and ASCII digits. The
        code is spent by it. ``login_otp`` (ログイン時の認証要否) is what the customer
        chose, where the bank leaves it to him, and None where it does not;
        ``grid_answer`` answers `create_grid_challenge`, where the bank asks for it.
        Asked again and taken up under one ``request_id`` as `activate` is; each call
        under a fresh one is one of the customer's tries of the day.

        Raise `OtpRejected`, `OtpReplayed`, `TokenLocked` or `TokenNotActive` if the
        code is no good, `UnknownToken` if nobody can have the token; `TriesSpent`
        if the customer has tried too often today; `GridAnswerRejected`,
        `GridCardLocked`, `ChallengeOver` or `NoGridCard` if it is about the card;
        `LiveToken` if he has a token, `NotOffered` if the bank does not offer it.
        """
        asked_under = id_of(request_id)
        request = registration_of(asked_under, subscriber_ref, serial, code, login_otp, grid_answer)
        response = self._ask(self._register, request, asked_under, timeout)
        return receipt_of(response, asked_under, response.part)

    def set_login_otp(
        self, subscriber_ref: str, *, login_otp: bool, timeout: float | None = None
    ) -> Enrollment:
        """Change whether a login needs a code (ログイン時の認証要否).

        RPC: kagimori.enrollment.v1.EnrollmentService/SetLoginOtp.

        Return the enrolment, with the choice. It can be called again.

        Raise `NoToken` if the customer has no token in use, `NotOffered` if the bank
        does not leave it to him.
        """
        check_texts(None, subscriber_ref=subscriber_ref)
        word = check_choice(None, login_otp)
        request = enrollment_pb2.SetLoginOtpRequest(subscriber_ref=subscriber_ref, login_otp=word)
        response = self._ask(self._choose, request, None, timeout)
        return chosen_of(response, login_otp=login_otp)

    def terminate(
        self,
        subscriber_ref: str,
        code: str,
        *,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """End the use of a token (利用中止) by one of its codes.

        RPC: kagimori.enrollment.v1.EnrollmentService/TerminateToken.

        The customer has no token then. An app's is destroyed; a hardware token can be
        registered again, and none of its codes that were accepted before. Asked again
        and taken up under one ``request_id`` as `activate` is.

        Raise `OtpRejected`, `OtpReplayed`, `TokenLocked` or `TokenNotActive` if the
        code is no good; `NoToken` if there is nothing to end; `NotOffered` if the bank
        does not offer it.
        """
        asked_under = id_of(request_id)
        check_texts(asked_under, subscriber_ref=subscriber_ref, code=code)
        request = registration_pb2.TerminateTokenRequest(
            request_id=str(asked_under), subscriber_ref=subscriber_ref, code=code
        )
        response = self._ask(self._terminate, request, asked_under, timeout)
        return receipt_of(response, asked_under)

    def begin_replacement(
        self,
        subscriber_ref: str,
        code: str,
        *,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> datetime:
        """Begin an exchange (交換) by a code of the token that the customer has.

        RPC: kagimori.enrollment.v1.EnrollmentService/BeginReplacement.

        Return until when it can be completed, aware, in UTC. The old token stays in
        use until then. Asked again and taken up under one ``request_id`` as `activate`
        is.

        Raise as `terminate` does.
        """
        asked_under = id_of(request_id)
        check_texts(asked_under, subscriber_ref=subscriber_ref, code=code)
        request = registration_pb2.BeginReplacementRequest(
            request_id=str(asked_under), subscriber_ref=subscriber_ref, code=code
        )
        response = self._ask(self._begin, request, asked_under, timeout)
        return begun_of(response, asked_under)

    def complete_replacement(
        self,
        subscriber_ref: str,
        serial: str,
        code: str,
        *,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> ReplacementReceipt:
        """Complete an exchange by what is on the new token.

        RPC: kagimori.enrollment.v1.EnrollmentService/CompleteReplacement.

        In one moment the old token ends and the new one is in use; until then, and
        whatever is raised, the old one is. ``serial`` and ``code`` are as in
        `register_token`, and so is what a call costs. Asked again and taken up under
        one ``request_id`` as `activate` is.

        Raise what `register_token` raises of the token and the customer, and
        `ReplacementNotBegun`, `ReplacementExpired`, `SameToken` or `NotOffered` if
        there is nothing to complete in this way.
        """
        asked_under = id_of(request_id)
        check_texts(asked_under, subscriber_ref=subscriber_ref, serial=serial, code=code)
        request = registration_pb2.CompleteReplacementRequest(
            request_id=str(asked_under), subscriber_ref=subscriber_ref, serial=serial, code=code
        )
        response = self._ask(self._complete, request, asked_under, timeout)
        return replacement_of(response, asked_under)
