# SPDX-License-Identifier: Apache-2.0
"""Tokens that a mail leads to: トークン発行, 利用開始, 利用解除; and 登録状況 of every customer."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from kagimori.api.enrollment.v1.enrollment_pb2 import (
    ActivateTokenRequest,
    ActivateTokenResponse,
    DeregisterTokenRequest,
    DeregisterTokenResponse,
    GetEnrollmentRequest,
    GetEnrollmentResponse,
    IssueSoftwareTokenRequest,
    IssueSoftwareTokenResponse,
)
from kagimori.application.enrollment.activate import Activation
from kagimori.application.enrollment.issue import IssueOrder
from kagimori.application.enrollment.standing import Standing
from kagimori.application.verification.verify import Caller
from kagimori.domain.outcome import Verdict
from kagimori.transport.call import Call
from kagimori.transport.enrollment.issuing_mapping import activation_of, order_of
from kagimori.transport.enrollment.standing_mapping import told_enrollment
from kagimori.transport.mapping import subscriber_ref_of, uuid_of, write_answer


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


@dataclass(frozen=True, slots=True)
class Issuing:
    """What a bank's page asks for such a token."""

    issue: Issue
    activate: Activate
    deregister: OfCustomer
    status: OfCustomer


class IssuingServicer:
    """Serves a part of kagimori.enrollment.v1.EnrollmentService."""

    def __init__(self, issuing: Issuing) -> None:
        """Ask ``issuing``."""
        self._issuing = issuing

    async def IssueSoftwareToken(  # noqa: N802 - the RPC's name
        self, request: IssueSoftwareTokenRequest, call: Call
    ) -> IssueSoftwareTokenResponse:
        """Begin an enrolment for the tenant of the caller's certificate."""
        call.facts["request_id"] = uuid_of(request.request_id)
        standing = await self._issuing.issue(call.identity.caller, order_of(request))
        return IssueSoftwareTokenResponse(enrollment=told_enrollment(standing, call))

    async def ActivateToken(  # noqa: N802 - the RPC's name
        self, request: ActivateTokenRequest, call: Call
    ) -> ActivateTokenResponse:
        """Take a token into use by its first code."""
        call.facts["request_id"] = uuid_of(request.request_id)
        activation = activation_of(request)
        verdict = await self._issuing.activate(call.identity.caller, activation, call.seconds_left)
        call.facts["outcome"] = verdict.outcome
        response = ActivateTokenResponse()
        write_answer(verdict, response)
        return response

    async def DeregisterToken(  # noqa: N802 - the RPC's name
        self, request: DeregisterTokenRequest, call: Call
    ) -> DeregisterTokenResponse:
        """End an enrolment."""
        subscriber_ref = subscriber_ref_of(request.subscriber_ref)
        standing = await self._issuing.deregister(call.identity.caller, subscriber_ref)
        return DeregisterTokenResponse(enrollment=told_enrollment(standing, call))

    async def GetEnrollment(  # noqa: N802 - the RPC's name
        self, request: GetEnrollmentRequest, call: Call
    ) -> GetEnrollmentResponse:
        """Tell where a customer is."""
        subscriber_ref = subscriber_ref_of(request.subscriber_ref)
        standing = await self._issuing.status(call.identity.caller, subscriber_ref)
        return GetEnrollmentResponse(enrollment=told_enrollment(standing, call))
