# SPDX-License-Identifier: Apache-2.0
"""Between a bank's words and the wire's, for tokens that are named by serial number."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from kagimori_client.api.enrollment.v1 import enrollment_pb2, registration_pb2
from kagimori_client.api.types.v1 import types_pb2
from kagimori_client.arguments import check_choice, check_texts
from kagimori_client.enrolling import enrollment_of
from kagimori_client.enrollment import Enrollment, EnrollmentStatus
from kagimori_client.errors import (
    AuthorityFault,
    GridAnswerRejected,
    GridCardLocked,
    KagimoriError,
    OtpRefused,
    TriesSpent,
)
from kagimori_client.grid import GridAnswer, grid_message_of
from kagimori_client.judging import Judged, judgement_of, refusal_of
from kagimori_client.receipt import Receipt
from kagimori_client.replacement_receipt import ReplacementReceipt

_OF_TOKEN: Final = frozenset(
    {
        registration_pb2.REGISTRATION_PART_UNSPECIFIED,
        registration_pb2.REGISTRATION_PART_TOKEN,
    }
)
_OF_OTHER_PARTS: Final[dict[tuple[int, int], type[OtpRefused]]] = {
    (
        registration_pb2.REGISTRATION_PART_GRID_CARD,
        types_pb2.OUTCOME_REJECTED,
    ): GridAnswerRejected,
    (registration_pb2.REGISTRATION_PART_GRID_CARD, types_pb2.OUTCOME_LOCKED): GridCardLocked,
    (registration_pb2.REGISTRATION_PART_CUSTOMER, types_pb2.OUTCOME_LOCKED): TriesSpent,
}


def registration_of(  # noqa: PLR0913, PLR0917 - one page, six fields
    request_id: UUID,
    subscriber_ref: str,
    serial: str,
    code: str,
    login_otp: bool | None,  # noqa: FBT001 - the customer's own choice
    grid_answer: GridAnswer | None,
) -> registration_pb2.RegisterTokenRequest:
    """Return the message, or raise `InvalidRequest` for what can be no field of one."""
    check_texts(request_id, subscriber_ref=subscriber_ref, serial=serial, code=code)
    return registration_pb2.RegisterTokenRequest(
        request_id=str(request_id),
        subscriber_ref=subscriber_ref,
        serial=serial,
        code=code,
        login_otp=None if login_otp is None else check_choice(request_id, login_otp),
        grid_answer=None if grid_answer is None else grid_message_of(grid_answer, request_id),
    )


def receipt_of(
    response: Judged,
    request_id: UUID,
    part: registration_pb2.RegistrationPart = registration_pb2.REGISTRATION_PART_TOKEN,
) -> Receipt:
    """Return the receipt of an acceptance, or raise what became of it instead.

    ``part`` is what the outcome is about.
    """
    if response.outcome != types_pb2.OUTCOME_ACCEPTED and part not in _OF_TOKEN:
        raise _refusal_of(response, request_id, part)
    judgement = judgement_of(response, request_id)
    if isinstance(judgement, KagimoriError):
        raise judgement
    return judgement


def begun_of(response: registration_pb2.BeginReplacementResponse, request_id: UUID) -> datetime:
    """Return until when an exchange can be completed, or raise why it is not begun."""
    if response.outcome == types_pb2.OUTCOME_ACCEPTED and response.HasField("complete_by"):
        return response.complete_by.ToDatetime(tzinfo=UTC)
    raise refusal_of(response, request_id)


def replacement_of(
    response: registration_pb2.CompleteReplacementResponse, request_id: UUID
) -> ReplacementReceipt:
    """Return the receipt of an exchange, or raise what became of it instead."""
    receipt = receipt_of(response, request_id, response.part)
    if not response.serial_after:
        raise _unknown(request_id)
    return ReplacementReceipt(
        receipt.number, receipt.accepted_at, response.serial_after, response.serial_before
    )


def chosen_of(response: enrollment_pb2.SetLoginOtpResponse, *, login_otp: bool) -> Enrollment:
    """Return the enrolment with the choice that was asked for; raise `AuthorityFault`."""
    enrolled = enrollment_of(response.enrollment, None)
    in_use = enrolled.status in {EnrollmentStatus.ACTIVE, EnrollmentStatus.LOCKED}
    if not in_use or enrolled.login_otp is not login_otp:
        raise _unknown(None)
    return enrolled


def _refusal_of(
    response: Judged, request_id: UUID, part: registration_pb2.RegistrationPart
) -> KagimoriError:
    refusal = _OF_OTHER_PARTS.get((part, response.outcome))
    if refusal is None:
        return _unknown(request_id)
    left = response.attempts_left if response.HasField("attempts_left") else None
    return refusal(request_id, left)


def _unknown(request_id: UUID | None) -> AuthorityFault:
    msg = "the authority's answer is not one that this client knows"
    return AuthorityFault(msg, request_id)
