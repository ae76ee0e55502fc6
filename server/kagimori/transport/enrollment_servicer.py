# SPDX-License-Identifier: Apache-2.0
"""EnrollmentService: what a bank's page asks for its customers, and its staff."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from kagimori.api.enrollment.v1.enrollment_pb2 import (
    ActivateTokenRequest,
    ActivateTokenResponse,
    AssignTokenRequest,
    AssignTokenResponse,
    DeregisterTokenRequest,
    DeregisterTokenResponse,
    Enrollment,
    GetEnrollmentRequest,
    GetEnrollmentResponse,
    GetTokenRequest,
    GetTokenResponse,
    IssueSoftwareTokenRequest,
    IssueSoftwareTokenResponse,
    ReturnTokenRequest,
    ReturnTokenResponse,
    Token,
    UnlockTokenRequest,
    UnlockTokenResponse,
)
from kagimori.application.enrollment.activate import Activation
from kagimori.application.enrollment.issue import IssueOrder
from kagimori.application.enrollment.standing import Standing
from kagimori.application.inventory.desk import Assignment, Condition
from kagimori.application.inventory.desk_ports import StockedToken
from kagimori.application.ports import BySerial, Subject
from kagimori.application.verification.verify import Caller
from kagimori.domain.outcome import Verdict
from kagimori.transport.call import Call
from kagimori.transport.enrollment_mapping import (
    activation_of,
    assignment_of,
    came_back_of,
    condition_of,
    enrollment_of,
    order_of,
    told_token_of,
)
from kagimori.transport.mapping import (
    serial_of,
    subject_of,
    subscriber_ref_of,
    uuid_of,
    write_answer,
)
from kagimori.transport.registration_servicer import RegistrationServicer


class Issue(Protocol):
    """The use case behind `IssueSoftwareToken`."""

    def __call__(self, caller: Caller, order: IssueOrder) -> Awaitable[Standing]:
        """Begin an enrolment; the errors are the domain's."""
        ...


class Activate(Protocol):
    """The use case behind `ActivateToken`."""

    def __call__(
        self, caller: Caller, activation: Activation, seconds_left: float
    ) -> Awaitable[Verdict]:
        """Judge the first code; the errors are the domain's."""
        ...


class OfCustomer(Protocol):
    """The use case behind `DeregisterToken`, or behind `GetEnrollment`."""

    def __call__(self, caller: Caller, subscriber_ref: str) -> Awaitable[Standing]:
        """Return where the customer is then; the errors are the domain's."""
        ...


class Unlock(Protocol):
    """The use case behind `UnlockToken`."""

    def __call__(self, caller: Caller, subject: Subject) -> Awaitable[None]:
        """Unlock a token; the errors are the domain's."""
        ...


class Assign(Protocol):
    """The use case behind `AssignToken`."""

    def __call__(self, caller: Caller, assignment: Assignment) -> Awaitable[StockedToken]:
        """Bind a hardware token to a customer; the errors are the domain's."""
        ...


class OfToken(Protocol):
    """The use case behind `GetToken`."""

    def __call__(self, caller: Caller, serial: str) -> Awaitable[StockedToken]:
        """Return where the hardware token is; the errors are the domain's."""
        ...


class TakeBack(Protocol):
    """The use case behind `ReturnToken`."""

    def __call__(
        self, caller: Caller, serial: str, condition: Condition
    ) -> Awaitable[StockedToken]:
        """Take a hardware token back; the errors are the domain's."""
        ...


@dataclass(frozen=True, slots=True)
class EnrollmentUseCases:
    """What this service asks. All are called on the event loop and must not block it."""

    issue: Issue
    activate: Activate
    deregister: OfCustomer
    status: OfCustomer
    unlock: Unlock
    assign: Assign
    token: OfToken
    take_back: TakeBack


class EnrollmentServicer(RegistrationServicer):
    """Serves kagimori.enrollment.v1.EnrollmentService."""

    def __init__(self, use_cases: EnrollmentUseCases) -> None:
        """Ask ``use_cases``."""
        self._asked = use_cases

    async def IssueSoftwareToken(  # noqa: N802 - the RPC's name
        self, request: IssueSoftwareTokenRequest, call: Call
    ) -> IssueSoftwareTokenResponse:
        """Begin an enrolment for the tenant of the caller's certificate."""
        call.facts["request_id"] = uuid_of(request.request_id)
        standing = await self._asked.issue(call.identity.caller, order_of(request))
        return IssueSoftwareTokenResponse(enrollment=_told(standing, call))

    async def ActivateToken(  # noqa: N802 - the RPC's name
        self, request: ActivateTokenRequest, call: Call
    ) -> ActivateTokenResponse:
        """Take a token into use by its first code."""
        call.facts["request_id"] = uuid_of(request.request_id)
        activation = activation_of(request)
        verdict = await self._asked.activate(call.identity.caller, activation, call.seconds_left)
        call.facts["outcome"] = verdict.outcome
        response = ActivateTokenResponse()
        write_answer(verdict, response)
        return response

    async def DeregisterToken(  # noqa: N802 - the RPC's name
        self, request: DeregisterTokenRequest, call: Call
    ) -> DeregisterTokenResponse:
        """End an enrolment."""
        subscriber_ref = subscriber_ref_of(request.subscriber_ref)
        standing = await self._asked.deregister(call.identity.caller, subscriber_ref)
        return DeregisterTokenResponse(enrollment=_told(standing, call))

    async def GetEnrollment(  # noqa: N802 - the RPC's name
        self, request: GetEnrollmentRequest, call: Call
    ) -> GetEnrollmentResponse:
        """Tell where a customer is."""
        subscriber_ref = subscriber_ref_of(request.subscriber_ref)
        standing = await self._asked.status(call.identity.caller, subscriber_ref)
        return GetEnrollmentResponse(enrollment=_told(standing, call))

    async def UnlockToken(  # noqa: N802 - the RPC's name
        self, request: UnlockTokenRequest, call: Call
    ) -> UnlockTokenResponse:
        """Give a locked token its attempts back."""
        subject = subject_of(request)
        if isinstance(subject, BySerial):
            call.facts["serial"] = subject.value
        await self._asked.unlock(call.identity.caller, subject)
        return UnlockTokenResponse()

    async def AssignToken(  # noqa: N802 - the RPC's name
        self, request: AssignTokenRequest, call: Call
    ) -> AssignTokenResponse:
        """Bind a hardware token to a customer."""
        assignment = assignment_of(request)
        call.facts["serial"] = assignment.serial
        found = await self._asked.assign(call.identity.caller, assignment)
        return AssignTokenResponse(token=_told_token(found, call))

    async def GetToken(  # noqa: N802 - the RPC's name
        self, request: GetTokenRequest, call: Call
    ) -> GetTokenResponse:
        """Tell where a hardware token is."""
        call.facts["serial"] = serial = serial_of(request.serial)
        found = await self._asked.token(call.identity.caller, serial)
        return GetTokenResponse(token=_told_token(found, call))

    async def ReturnToken(  # noqa: N802 - the RPC's name
        self, request: ReturnTokenRequest, call: Call
    ) -> ReturnTokenResponse:
        """Take a hardware token back."""
        call.facts["serial"] = serial = serial_of(request.serial)
        condition = condition_of(request)
        call.facts["condition"] = condition
        found = await self._asked.take_back(call.identity.caller, serial, condition)
        call.facts["token"] = found.token.state
        return ReturnTokenResponse(token=came_back_of(found))


def _told(standing: Standing, call: Call) -> Enrollment:
    call.facts["enrollment"] = standing.status
    return enrollment_of(standing, call.identity.tenant)


def _told_token(found: StockedToken, call: Call) -> Token:
    call.facts["token"] = found.token.state
    return told_token_of(found)
