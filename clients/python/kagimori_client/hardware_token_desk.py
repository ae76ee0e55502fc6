# SPDX-License-Identifier: Apache-2.0
"""The bank's back office: hardware tokens given out, looked at, mended and taken back."""

from __future__ import annotations

from typing import Final, TypeAlias
from uuid import UUID

import grpc

from kagimori_client.api.enrollment.v1 import enrollment_pb2, enrollment_pb2_grpc
from kagimori_client.api.verification.v1 import verification_pb2, verification_pb2_grpc
from kagimori_client.arguments import check_condition, check_texts, id_of
from kagimori_client.connection import Connection
from kagimori_client.hardware import (
    HardwareToken,
    TokenCondition,
    TokenState,
    hardware_token_of,
)
from kagimori_client.resynchronization import (
    Resynchronization,
    resync_request_of,
    resynchronization_of,
)

_Assign: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "enrollment_pb2.AssignTokenRequest, enrollment_pb2.AssignTokenResponse]"
)
_Get: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable[enrollment_pb2.GetTokenRequest, enrollment_pb2.GetTokenResponse]"
)
_Return: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "enrollment_pb2.ReturnTokenRequest, enrollment_pb2.ReturnTokenResponse]"
)
_Resynchronize: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "verification_pb2.ResynchronizeTokenRequest, verification_pb2.ResynchronizeTokenResponse]"
)

_ANY: Final = frozenset(TokenState)
_HANDED_OUT: Final = frozenset(
    {TokenState.ASSIGNED, TokenState.ACTIVE, TokenState.LOCKED, TokenState.EXPIRED}
)
_CAME_BACK: Final = {
    TokenCondition.WORKING: frozenset({TokenState.RETURNED}),
    TokenCondition.DEFECTIVE: frozenset({TokenState.DEFECTIVE}),
}
_CONDITIONS: Final = {
    TokenCondition.WORKING: enrollment_pb2.TOKEN_CONDITION_WORKING,
    TokenCondition.DEFECTIVE: enrollment_pb2.TOKEN_CONDITION_DEFECTIVE,
}


class HardwareTokenDesk(Connection):
    """A connection of one of the bank's staff, role ``operator``; threads may share it.

    The certificate is a person's, and the authority's audit names it. Use it as a
    context manager, or `close` it.

    Everywhere ``serial`` is what is printed on the token's back, 1 to 32 of
    ``[0-9A-Z]``, and ``timeout`` is in seconds and covers everything, asking again
    included. Besides what each method names, all raise `InvalidRequest`,
    `NotIdentified` or `NotAllowed` if the call is not right, and `Unavailable` or
    `AuthorityFault` if there is no answer; and `TypeError` or `ValueError` for a
    ``timeout`` that is not a positive number.
    """

    def _take(self, channel: grpc.Channel) -> None:
        tokens = enrollment_pb2_grpc.EnrollmentServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        codes = verification_pb2_grpc.VerificationServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        self._assign: _Assign = tokens.AssignToken
        self._get: _Get = tokens.GetToken
        self._return: _Return = tokens.ReturnToken
        self._resynchronize: _Resynchronize = codes.ResynchronizeToken

    def assign(
        self, subscriber_ref: str, serial: str, *, timeout: float | None = None
    ) -> HardwareToken:
        """Bind a token that is in stock to a customer, before it is handed out.

        RPC: kagimori.enrollment.v1.EnrollmentService/AssignToken.

        ``subscriber_ref`` is the bank's own customer number, 1 to 64 characters.
        The customer takes the token into use by its first code
        (`TokenRegistrar.activate`). It can be called again: the answer is the same,
        or tells how far the same customer has come with the token.

        Raise `UnknownSerial` or `NotHardware` if there is no such token; `NotInStock`
        or `TokenExpired` if it is not free; `LiveToken` if the customer has one, or
        one is on its way.
        """
        check_texts(None, subscriber_ref=subscriber_ref, serial=serial)
        request = enrollment_pb2.AssignTokenRequest(subscriber_ref=subscriber_ref, serial=serial)
        response = self._ask(self._assign, request, None, timeout)
        return hardware_token_of(response.token, serial, _HANDED_OUT)

    def status(self, serial: str, *, timeout: float | None = None) -> HardwareToken:
        """Return where a token is in its life.

        RPC: kagimori.enrollment.v1.EnrollmentService/GetToken.

        Raise `UnknownSerial` or `NotHardware` if there is no such token.
        """
        check_texts(None, serial=serial)
        request = enrollment_pb2.GetTokenRequest(serial=serial)
        response = self._ask(self._get, request, None, timeout)
        return hardware_token_of(response.token, serial, _ANY)

    def take_back(
        self, serial: str, condition: TokenCondition, *, timeout: float | None = None
    ) -> HardwareToken:
        """Take a token back from its customer, at once and on every server.

        RPC: kagimori.enrollment.v1.EnrollmentService/ReturnToken.

        A token that works goes back into stock, RETURNED: no code that was accepted
        before will ever be accepted again. The seed of a defective one is destroyed,
        which cannot be undone; a token that is still in stock can be found defective,
        too. It can be called again: the answer is the same.

        Raise `UnknownSerial` or `NotHardware` if there is no such token, `NotAssigned`
        if no customer has it.
        """
        check_texts(None, serial=serial)
        check_condition(condition)
        request = enrollment_pb2.ReturnTokenRequest(serial=serial, condition=_CONDITIONS[condition])
        response = self._ask(self._return, request, None, timeout)
        return hardware_token_of(response.token, serial, _CAME_BACK[condition])

    def resynchronize(  # noqa: PLR0913 - all but the codes by keyword
        self,
        first_code: str,
        second_code: str,
        *,
        serial: str | None = None,
        subscriber_ref: str | None = None,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> Resynchronization:
        """Find a token again that has run away (同期ズレ補正), by two codes in a row.

        RPC: kagimori.verification.v1.VerificationService/ResynchronizeToken.

        As `BankChannel.resynchronize`, for a customer who stands at the counter or
        is on the telephone. It says nothing about who that is.
        """
        asked_under = id_of(request_id)
        request = resync_request_of(asked_under, subscriber_ref, serial, first_code, second_code)
        response = self._ask(self._resynchronize, request, asked_under, timeout)
        return resynchronization_of(response, asked_under)
