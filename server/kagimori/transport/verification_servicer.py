# SPDX-License-Identifier: Apache-2.0
"""VerificationService: what a bank channel asks at every login and transfer."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from kagimori.api.verification.v1.verification_pb2 import VerifyOtpRequest, VerifyOtpResponse
from kagimori.application.ports import BySerial, Subject
from kagimori.application.verification.verify import Caller
from kagimori.domain.code import Otp
from kagimori.domain.outcome import Verdict
from kagimori.domain.policy import Operation
from kagimori.transport.call import Call
from kagimori.transport.mapping import answer_of, question_of, request_id_of


class Verify(Protocol):
    """The use case behind `VerifyOtp`; its errors are the domain's."""

    def __call__(  # noqa: PLR0913 - one call, six facts
        self,
        *,
        caller: Caller,
        request_id: UUID,
        subject: Subject,
        operation: Operation,
        code: Otp,
        seconds_left: float,
    ) -> Verdict:
        """Judge ``code`` within ``seconds_left``."""
        ...


class VerificationServicer:
    """Serves kagimori.verification.v1.VerificationService."""

    def __init__(self, verify: Verify) -> None:
        """``verify`` is shared by every thread."""
        self._verify = verify

    def VerifyOtp(self, request: VerifyOtpRequest, call: Call) -> VerifyOtpResponse:  # noqa: N802 - the RPC's name
        """Judge one code for the tenant of the caller's certificate."""
        request_id = request_id_of(request)
        call.note(request_id=str(request_id))
        asked = question_of(request)
        call.note(operation=asked.operation)
        if isinstance(asked.subject, BySerial):
            call.note(serial=asked.subject.value)
        verdict = self._verify(
            caller=Caller(call.identity.tenant, call.identity.name),
            request_id=request_id,
            subject=asked.subject,
            operation=asked.operation,
            code=asked.code,
            seconds_left=call.seconds_left,
        )
        call.note(outcome=verdict.outcome)
        return answer_of(verdict)
