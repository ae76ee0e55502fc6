# SPDX-License-Identifier: Apache-2.0
"""Tokens that a customer names by serial number: 利用開始, 交換, 利用中止, 認証要否."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from kagimori.api.enrollment.v1.enrollment_pb2 import SetLoginOtpRequest, SetLoginOtpResponse
from kagimori.api.enrollment.v1.registration_pb2 import (
    BeginReplacementRequest,
    BeginReplacementResponse,
    CompleteReplacementRequest,
    CompleteReplacementResponse,
    RegisterTokenRequest,
    RegisterTokenResponse,
    TerminateTokenRequest,
    TerminateTokenResponse,
)
from kagimori.application.enrollment.standing import Standing
from kagimori.application.registration.register import RegistrationAnswer, RegistrationOrder
from kagimori.application.registration.replace import (
    BegunAnswer,
    ReplacementAnswer,
    ReplacementOrder,
)
from kagimori.application.verification.verify import Caller
from kagimori.domain.code import Otp
from kagimori.domain.outcome import Verdict
from kagimori.transport.call import Call
from kagimori.transport.enrollment.registering_mapping import (
    begun_of,
    exchange_of,
    exchanged_of,
    registered_of,
    registration_of,
)
from kagimori.transport.enrollment.standing_mapping import choice_of, told_enrollment
from kagimori.transport.mapping import subscriber_ref_of, uuid_of, write_answer


class Register(Protocol):
    """The use case behind `RegisterToken`."""

    def __call__(
        self, caller: Caller, order: RegistrationOrder, seconds_left: float
    ) -> Awaitable[RegistrationAnswer]:
        """Judge what the customer typed; the errors are the domain's."""
        ...


class Choose(Protocol):
    """The use case behind `SetLoginOtp`."""

    def __call__(
        self,
        caller: Caller,
        subscriber_ref: str,
        login_otp: bool,  # noqa: FBT001 - the customer's own choice
    ) -> Awaitable[Standing]:
        """Keep what the customer chose; the errors are the domain's."""
        ...


class Terminate(Protocol):
    """The use case behind `TerminateToken`."""

    def __call__(
        self, caller: Caller, request_id: str, subscriber_ref: str, code: Otp, seconds_left: float
    ) -> Awaitable[Verdict]:
        """End the token's use by one of its codes; the errors are the domain's."""
        ...


class Begin(Protocol):
    """The use case behind `BeginReplacement`."""

    def __call__(
        self, caller: Caller, request_id: str, subscriber_ref: str, code: Otp, seconds_left: float
    ) -> Awaitable[BegunAnswer]:
        """Judge a code of the old token; the errors are the domain's."""
        ...


class Complete(Protocol):
    """The use case behind `CompleteReplacement`."""

    def __call__(
        self, caller: Caller, order: ReplacementOrder, seconds_left: float
    ) -> Awaitable[ReplacementAnswer]:
        """Judge a code of the new token; the errors are the domain's."""
        ...


@dataclass(frozen=True, slots=True)
class Registrations:
    """What a bank's page asks for such a token."""

    register: Register
    choose: Choose
    terminate: Terminate
    begin: Begin
    complete: Complete


class RegisteringServicer:
    """Serves a part of kagimori.enrollment.v1.EnrollmentService.

    Whether a serial number is one the tenant's rules say, and a customer may well type
    his code in its place: the log has it only when the use case has taken it for one.
    """

    def __init__(self, registrations: Registrations) -> None:
        """Ask ``registrations``."""
        self._registrations = registrations

    async def RegisterToken(  # noqa: N802 - the RPC's name
        self, request: RegisterTokenRequest, call: Call
    ) -> RegisterTokenResponse:
        """Take a token into use by its serial number and one of its codes."""
        facts = call.facts
        facts["request_id"] = uuid_of(request.request_id)
        order = registration_of(request)
        answer = await self._registrations.register(call.identity.caller, order, call.seconds_left)
        facts["serial"], facts["outcome"] = order.serial, answer.verdict.outcome
        if answer.part is not None:
            facts["part"] = answer.part
        return registered_of(answer)

    async def SetLoginOtp(  # noqa: N802 - the RPC's name
        self, request: SetLoginOtpRequest, call: Call
    ) -> SetLoginOtpResponse:
        """Keep whether a login needs a code."""
        subscriber_ref = subscriber_ref_of(request.subscriber_ref)
        login_otp = choice_of(request.login_otp)
        call.facts["login_otp"] = str(login_otp)
        standing = await self._registrations.choose(call.identity.caller, subscriber_ref, login_otp)
        return SetLoginOtpResponse(enrollment=told_enrollment(standing, call))

    async def TerminateToken(  # noqa: N802 - the RPC's name
        self, request: TerminateTokenRequest, call: Call
    ) -> TerminateTokenResponse:
        """End the use of a token by one of its codes."""
        call.facts["request_id"] = request_id = uuid_of(request.request_id)
        subscriber_ref, code = subscriber_ref_of(request.subscriber_ref), Otp(request.code)
        verdict = await self._registrations.terminate(
            call.identity.caller, request_id, subscriber_ref, code, call.seconds_left
        )
        call.facts["outcome"] = verdict.outcome
        response = TerminateTokenResponse()
        write_answer(verdict, response)
        return response

    async def BeginReplacement(  # noqa: N802 - the RPC's name
        self, request: BeginReplacementRequest, call: Call
    ) -> BeginReplacementResponse:
        """Begin an exchange by a code of the old token."""
        call.facts["request_id"] = request_id = uuid_of(request.request_id)
        subscriber_ref, code = subscriber_ref_of(request.subscriber_ref), Otp(request.code)
        answer = await self._registrations.begin(
            call.identity.caller, request_id, subscriber_ref, code, call.seconds_left
        )
        call.facts["outcome"] = answer.verdict.outcome
        return begun_of(answer)

    async def CompleteReplacement(  # noqa: N802 - the RPC's name
        self, request: CompleteReplacementRequest, call: Call
    ) -> CompleteReplacementResponse:
        """Complete an exchange by serial number and code of the new token."""
        facts = call.facts
        facts["request_id"] = uuid_of(request.request_id)
        order = exchange_of(request)
        answer = await self._registrations.complete(call.identity.caller, order, call.seconds_left)
        facts["serial"], facts["outcome"] = order.serial, answer.verdict.outcome
        if answer.part is not None:
            facts["part"] = answer.part
        if answer.serial_before:
            facts["serial_before"] = answer.serial_before
        return exchanged_of(answer)
