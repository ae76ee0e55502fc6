# SPDX-License-Identifier: Apache-2.0
"""Codes judged, and whether one is needed: what a bank channel asks at every login."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Iterable, Sequence
from typing import Final, Protocol

from kagimori.api.verification.v1.verification_pb2 import (
    BatchVerifyOtpRequest,
    BatchVerifyOtpResponse,
    GetOtpRequirementRequest,
    GetOtpRequirementResponse,
    ResynchronizeTokenRequest,
    ResynchronizeTokenResponse,
    VerifyOtpRequest,
    VerifyOtpResponse,
)
from kagimori.application.enrollment.requirement import Requirement
from kagimori.application.ports import BySerial, Subject
from kagimori.application.verification.verify import Caller
from kagimori.domain.code import Otp
from kagimori.domain.errors import InvalidField
from kagimori.domain.outcome import Verdict
from kagimori.domain.policy import Operation
from kagimori.transport.call import Call
from kagimori.transport.mapping import (
    Question,
    answer_of,
    pair_of,
    question_of,
    request_id_of,
    requirement_of,
    resync_answer_of,
    wanted_of,
    write_answer,
)
from kagimori.transport.status import write_refusal
from kagimori.transport.tally import Tally

LARGEST_BATCH: Final = 256
"""Items; so many requests, and so many refusals, fit into 64 KiB."""


class Verify(Protocol):
    """The use case behind `VerifyOtp`, each item of `BatchVerifyOtp`, and `ResynchronizeToken`."""

    def __call__(  # noqa: PLR0913 - one call, six facts
        self,
        *,
        caller: Caller,
        request_id: str,
        subject: Subject,
        operation: Operation,
        code: Otp,
        seconds_left: float,
    ) -> Future[Verdict]:
        """Begin to judge ``code`` within ``seconds_left``; the future tells.

        Its errors are the domain's. Cancelling it undoes nothing.
        """
        ...

    def resynchronize(  # noqa: PLR0913 - one call, six facts
        self,
        *,
        caller: Caller,
        request_id: str,
        subject: Subject,
        first: Otp,
        second: Otp,
        seconds_left: float,
    ) -> Future[Verdict]:
        """Begin to look for the token by two consecutive codes, as above."""
        ...


class Require(Protocol):
    """The use case behind `GetOtpRequirement`."""

    def __call__(
        self, caller: Caller, subscriber_ref: str, operation: Operation, amount: int | None
    ) -> Awaitable[Requirement]:
        """Tell what ``operation`` needs of the customer; its errors are the domain's.

        ``amount`` is in yen, None where it is not told.
        """
        ...


class CodesServicer:
    """Serves a part of kagimori.verification.v1.VerificationService."""

    def __init__(self, verify: Verify, require: Require) -> None:
        """Both are called on the event loop and must not block it."""
        self._verify = verify
        self._require = require

    async def VerifyOtp(self, request: VerifyOtpRequest, call: Call) -> VerifyOtpResponse:  # noqa: N802 - the RPC's name
        """Judge one code for the tenant of the caller's certificate."""
        facts = call.facts
        request_id = request_id_of(request)
        facts["request_id"] = request.request_id
        asked = question_of(request)
        facts["operation"] = asked.operation
        if isinstance(asked.subject, BySerial):
            facts["serial"] = asked.subject.value
        verdict = await self._begin(request_id, asked, call.identity.caller, call.seconds_left)
        facts["outcome"] = verdict.outcome
        return answer_of(verdict)

    async def BatchVerifyOtp(  # noqa: N802 - the RPC's name
        self, batch: BatchVerifyOtpRequest, call: Call
    ) -> BatchVerifyOtpResponse:
        """Judge many codes, each on its own, for the tenant of the caller's certificate."""
        requests = batch.requests
        if not 1 <= len(requests) <= LARGEST_BATCH:
            msg = f"must be 1 to {LARGEST_BATCH} items"
            raise InvalidField("requests", msg)
        caller, seconds_left = call.identity.caller, call.seconds_left
        # All are begun before any is waited for: together they make one commit.
        verdicts = [self._begun(request, caller, seconds_left) for request in requests]
        try:
            return await _answers(requests, verdicts, Tally(call))
        except asyncio.CancelledError:
            _abandon(verdicts)
            raise

    async def GetOtpRequirement(  # noqa: N802 - the RPC's name
        self, request: GetOtpRequirementRequest, call: Call
    ) -> GetOtpRequirementResponse:
        """Tell what the operation needs of this customer."""
        subscriber_ref, operation, amount = wanted_of(request)
        call.facts["operation"] = operation
        requirement = await self._require(call.identity.caller, subscriber_ref, operation, amount)
        call.facts["needs"] = requirement.needs
        return requirement_of(requirement)

    async def ResynchronizeToken(  # noqa: N802 - the RPC's name
        self, request: ResynchronizeTokenRequest, call: Call
    ) -> ResynchronizeTokenResponse:
        """Find a token again for the tenant of the caller's certificate; accept nothing."""
        facts = call.facts
        request_id = request_id_of(request)
        facts["request_id"] = request.request_id
        facts["operation"] = Operation.RESYNC
        pair = pair_of(request)
        if isinstance(pair.subject, BySerial):
            facts["serial"] = pair.subject.value
        verdict = await self._verify.resynchronize(
            caller=call.identity.caller,
            request_id=request_id,
            subject=pair.subject,
            first=pair.first,
            second=pair.second,
            seconds_left=call.seconds_left,
        )
        facts["outcome"] = verdict.outcome
        return resync_answer_of(verdict)

    def _begun(
        self, request: VerifyOtpRequest, caller: Caller, seconds_left: float
    ) -> Future[Verdict]:
        """Begin one item; what is wrong with it is in the future too."""
        try:
            return self._begin(request_id_of(request), question_of(request), caller, seconds_left)
        except Exception as error:  # noqa: BLE001 - one item's trouble is not its neighbours'
            refused: Future[Verdict] = asyncio.get_running_loop().create_future()
            refused.set_exception(error)
            return refused

    def _begin(
        self, request_id: str, asked: Question, caller: Caller, seconds_left: float
    ) -> Future[Verdict]:
        return self._verify(
            caller=caller,
            request_id=request_id,
            subject=asked.subject,
            operation=asked.operation,
            code=asked.code,
            seconds_left=seconds_left,
        )


async def _answers(
    requests: Sequence[VerifyOtpRequest], verdicts: Sequence[Future[Verdict]], tally: Tally
) -> BatchVerifyOtpResponse:
    """Wait for all ``verdicts`` and answer in their order."""
    response = BatchVerifyOtpResponse()
    results = response.results
    for number, awaited in enumerate(verdicts):
        try:
            verdict = await awaited
        except Exception as error:  # noqa: BLE001 - one item's trouble is not its neighbours'
            write_refusal(error, results.add().refusal)
            tally.refused(number, requests[number], error)
            # Its traceback holds this frame, which holds the future that holds it.
            error.__traceback__ = None
        else:
            write_answer(verdict, results.add().response)
            tally.judged(verdict.outcome)
    tally.write()
    return response


def _abandon(verdicts: Iterable[Future[Verdict]]) -> None:
    """Let go of what nobody waits for any more; what was claimed stays claimed."""
    for verdict in verdicts:
        # asyncio complains of errors that nobody has looked at.
        if not verdict.cancel() and not verdict.cancelled():
            verdict.exception()
