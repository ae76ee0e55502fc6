# SPDX-License-Identifier: Apache-2.0
"""Between the words of EnrollmentService and the application's."""

from __future__ import annotations

from datetime import datetime
from typing import Final, cast

from google.protobuf.timestamp_pb2 import Timestamp

from kagimori.api.enrollment.v1 import enrollment_pb2
from kagimori.application.enrollment.activate import Activation
from kagimori.application.enrollment.issue import IssueOrder
from kagimori.application.enrollment.standing import Standing
from kagimori.domain.code import Otp
from kagimori.domain.enrollment import ActivationPassword, LetterState, mail_address
from kagimori.domain.lifecycle import Status
from kagimori.transport.mapping import subscriber_ref_of, uuid_of


def _status(word: str) -> enrollment_pb2.EnrollmentStatus:
    name = f"ENROLLMENT_STATUS_{word}"
    return cast("enrollment_pb2.EnrollmentStatus", enrollment_pb2.EnrollmentStatus.Value(name))


def _letter(word: str) -> enrollment_pb2.LetterStatus:
    name = f"LETTER_STATUS_{word}"
    return cast("enrollment_pb2.LetterStatus", enrollment_pb2.LetterStatus.Value(name))


_STATUSES: Final = {
    # To a bank a token that was never activated is locked as any other.
    status: _status(Status.LOCKED if status is Status.BARRED else status)
    for status in Status
}
_LETTERS: Final = {state: _letter(state) for state in LetterState}


def order_of(request: enrollment_pb2.IssueSoftwareTokenRequest) -> IssueOrder:
    """Return what is ordered, or raise `InvalidField` for the first wrong field."""
    return IssueOrder(
        uuid_of(request.request_id),
        subscriber_ref_of(request.subscriber_ref),
        mail_address(request.mail_address),
        ActivationPassword(request.activation_password),
    )


def activation_of(request: enrollment_pb2.ActivateTokenRequest) -> Activation:
    """Return who offers which code, or raise `InvalidField` for the first wrong field."""
    return Activation(
        uuid_of(request.request_id),
        subscriber_ref_of(request.subscriber_ref),
        Otp(request.code),
    )


def enrollment_of(standing: Standing, service_id: str) -> enrollment_pb2.Enrollment:
    """Return ``standing`` in the words of the API."""
    first_day = standing.reissue_from
    return enrollment_pb2.Enrollment(
        status=_STATUSES[standing.status],
        service_id=service_id,
        user_id=standing.user_id,
        serial=standing.serial,
        issued_at=_timestamp(standing.issued_at),
        deadline=_timestamp(standing.deadline),
        reissue_from="" if first_day is None else first_day.isoformat(),
        letter=(
            enrollment_pb2.LETTER_STATUS_UNSPECIFIED
            if standing.letter is None
            else _LETTERS[standing.letter]
        ),
    )


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
