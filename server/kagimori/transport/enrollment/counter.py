# SPDX-License-Identifier: Apache-2.0
"""What a bank's staff ask: hardware tokens handed out and taken back, locked ones unlocked."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from kagimori.api.enrollment.v1.enrollment_pb2 import (
    AssignTokenRequest,
    AssignTokenResponse,
    GetTokenRequest,
    GetTokenResponse,
    ReturnTokenRequest,
    ReturnTokenResponse,
    Token,
    UnlockTokenRequest,
    UnlockTokenResponse,
)
from kagimori.application.inventory.desk import Assignment, Condition
from kagimori.application.inventory.desk_ports import StockedToken
from kagimori.application.ports import BySerial, Subject
from kagimori.application.verification.verify import Caller
from kagimori.transport.call import Call
from kagimori.transport.enrollment.counter_mapping import (
    assignment_of,
    came_back_of,
    condition_of,
    told_token_of,
)
from kagimori.transport.mapping import serial_of, subject_of


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
class Counter:
    """What the staff ask about tokens."""

    unlock: Unlock
    assign: Assign
    token: OfToken
    take_back: TakeBack


class CounterServicer:
    """Serves a part of kagimori.enrollment.v1.EnrollmentService."""

    def __init__(self, counter: Counter) -> None:
        """Ask ``counter``."""
        self._counter = counter

    async def UnlockToken(  # noqa: N802 - the RPC's name
        self, request: UnlockTokenRequest, call: Call
    ) -> UnlockTokenResponse:
        """Give a locked token its attempts back."""
        subject = subject_of(request)
        if isinstance(subject, BySerial):
            call.facts["serial"] = subject.value
        await self._counter.unlock(call.identity.caller, subject)
        return UnlockTokenResponse()

    async def AssignToken(  # noqa: N802 - the RPC's name
        self, request: AssignTokenRequest, call: Call
    ) -> AssignTokenResponse:
        """Bind a hardware token to a customer."""
        assignment = assignment_of(request)
        call.facts["serial"] = assignment.serial
        found = await self._counter.assign(call.identity.caller, assignment)
        return AssignTokenResponse(token=_told_token(found, call))

    async def GetToken(  # noqa: N802 - the RPC's name
        self, request: GetTokenRequest, call: Call
    ) -> GetTokenResponse:
        """Tell where a hardware token is."""
        call.facts["serial"] = serial = serial_of(request.serial)
        found = await self._counter.token(call.identity.caller, serial)
        return GetTokenResponse(token=_told_token(found, call))

    async def ReturnToken(  # noqa: N802 - the RPC's name
        self, request: ReturnTokenRequest, call: Call
    ) -> ReturnTokenResponse:
        """Take a hardware token back."""
        call.facts["serial"] = serial = serial_of(request.serial)
        condition = condition_of(request)
        call.facts["condition"] = condition
        found = await self._counter.take_back(call.identity.caller, serial, condition)
        call.facts["token"] = found.token.state
        return ReturnTokenResponse(token=came_back_of(found))


def _told_token(found: StockedToken, call: Call) -> Token:
    call.facts["token"] = found.token.state
    return told_token_of(found)
