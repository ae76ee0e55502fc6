# SPDX-License-Identifier: Apache-2.0
"""Between a bank's words and the wire's, for enrolments."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final, TypeAlias
from uuid import UUID

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from kagimori_client.api.enrollment.v1 import (
    enrollment_pb2,
    enrollment_pb2_grpc,
    login_otp_pb2,
)
from kagimori_client.arguments import check_texts
from kagimori_client.connection import Connection
from kagimori_client.enrollment import Enrollment, EnrollmentStatus, LetterStatus
from kagimori_client.errors import AuthorityFault

_GetEnrollment: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "enrollment_pb2.GetEnrollmentRequest, enrollment_pb2.GetEnrollmentResponse]"
)

_STATUSES: Final[dict[int, EnrollmentStatus]] = {
    enrollment_pb2.ENROLLMENT_STATUS_NOT_REGISTERED: EnrollmentStatus.NOT_REGISTERED,
    enrollment_pb2.ENROLLMENT_STATUS_ISSUED: EnrollmentStatus.ISSUED,
    enrollment_pb2.ENROLLMENT_STATUS_PROVISIONED: EnrollmentStatus.PROVISIONED,
    enrollment_pb2.ENROLLMENT_STATUS_ACTIVE: EnrollmentStatus.ACTIVE,
    enrollment_pb2.ENROLLMENT_STATUS_LOCKED: EnrollmentStatus.LOCKED,
    enrollment_pb2.ENROLLMENT_STATUS_RELEASED: EnrollmentStatus.RELEASED,
    enrollment_pb2.ENROLLMENT_STATUS_VOID: EnrollmentStatus.VOID,
}
_LETTERS: Final[dict[int, LetterStatus]] = {
    enrollment_pb2.LETTER_STATUS_PENDING: LetterStatus.PENDING,
    enrollment_pb2.LETTER_STATUS_SENT: LetterStatus.SENT,
    enrollment_pb2.LETTER_STATUS_REFUSED: LetterStatus.REFUSED,
}
_CHOICES: Final[dict[int, bool]] = {
    login_otp_pb2.LOGIN_OTP_REQUIRED: True,
    login_otp_pb2.LOGIN_OTP_NOT_REQUIRED: False,
}


class EnrollmentLine(Connection):
    """What every role that has to do with enrolments can ask."""

    def _take(self, channel: grpc.Channel) -> None:
        stub = enrollment_pb2_grpc.EnrollmentServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        self._take_from(stub)
        self._get_enrollment: _GetEnrollment = stub.GetEnrollment

    def _take_from(self, stub: enrollment_pb2_grpc.EnrollmentServiceStub) -> None:
        """Take the RPCs that only this role may call."""
        raise NotImplementedError

    def status(self, subscriber_ref: str, *, timeout: float | None = None) -> Enrollment:
        """Return the customer's enrolment (登録状況); one not known is NOT_REGISTERED.

        RPC: kagimori.enrollment.v1.EnrollmentService/GetEnrollment.

        ``subscriber_ref`` is the bank's own customer number, 1 to 64 characters.
        ``timeout`` is in seconds and covers everything, asking again included.

        Raise `InvalidRequest`, `NotIdentified` or `NotAllowed` if the call is not
        right, and `Unavailable` or `AuthorityFault` if there is no answer.
        """
        check_texts(None, subscriber_ref=subscriber_ref)
        request = enrollment_pb2.GetEnrollmentRequest(subscriber_ref=subscriber_ref)
        response = self._ask(self._get_enrollment, request, None, timeout)
        return enrollment_of(response.enrollment, None)


def enrollment_of(
    message: enrollment_pb2.Enrollment,
    request_id: UUID | None,
    *,
    expected: EnrollmentStatus | None = None,
) -> Enrollment:
    """Return ``message`` as a value.

    Raise `AuthorityFault` for a status that is not known here, or that is not
    the ``expected`` one: an answer is a yes only if it says so.
    """
    status = _STATUSES.get(message.status)
    if status is None or expected not in {None, status}:
        msg = "the authority's answer is not one that this client knows"
        raise AuthorityFault(msg, request_id)
    return Enrollment(
        status,
        message.service_id,
        user_id=message.user_id,
        serial=message.serial,
        issued_at=_moment(message.issued_at) if message.HasField("issued_at") else None,
        deadline=_moment(message.deadline) if message.HasField("deadline") else None,
        reissue_from=day_of(message.reissue_from, request_id),
        letter=_LETTERS.get(message.letter),
        login_otp=_CHOICES.get(message.login_otp),
    )


def _moment(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(tzinfo=UTC)


def day_of(text: str, request_id: UUID | None) -> date | None:
    """Return the day that ``text`` is, None for none; raise `AuthorityFault`."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        msg = "the authority's answer holds a day that is none"
        raise AuthorityFault(msg, request_id) from None
