# SPDX-License-Identifier: Apache-2.0
"""Where a customer is (登録状況), and what he chose, in the words of the API."""

from __future__ import annotations

from typing import Final, cast

from kagimori.api.enrollment.v1 import enrollment_pb2, login_otp_pb2
from kagimori.application.enrollment.standing import Standing
from kagimori.domain.enrollment import LetterState
from kagimori.domain.errors import InvalidField
from kagimori.domain.lifecycle import Status
from kagimori.transport.call import Call
from kagimori.transport.mapping import timestamp_of


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
_LETTERS: Final[dict[LetterState | None, enrollment_pb2.LetterStatus]] = {
    None: enrollment_pb2.LETTER_STATUS_UNSPECIFIED,
    **{state: _letter(state) for state in LetterState},
}
_CHOICES: Final[dict[bool | None, login_otp_pb2.LoginOtp]] = {
    None: login_otp_pb2.LOGIN_OTP_UNSPECIFIED,
    True: login_otp_pb2.LOGIN_OTP_REQUIRED,
    False: login_otp_pb2.LOGIN_OTP_NOT_REQUIRED,
}
_CHOSEN: Final = {word: choice for choice, word in _CHOICES.items()}


def login_otp_of(word: login_otp_pb2.LoginOtp) -> bool | None:
    """Return what the customer chose, None for no word of it, or raise `InvalidField`."""
    try:
        return _CHOSEN[word]
    except KeyError:
        raise InvalidField("login_otp", "must be REQUIRED or NOT_REQUIRED") from None


def choice_of(word: login_otp_pb2.LoginOtp) -> bool:
    """Return what the customer chose, or raise `InvalidField` also where he has not."""
    choice = login_otp_of(word)
    if choice is None:
        raise InvalidField("login_otp", "must be REQUIRED or NOT_REQUIRED")
    return choice


def told_enrollment(standing: Standing, call: Call) -> enrollment_pb2.Enrollment:
    """Return ``standing`` in the words of the API, and note it for the log."""
    call.facts["enrollment"] = standing.status
    return enrollment_of(standing, call.identity.tenant)


def enrollment_of(standing: Standing, service_id: str) -> enrollment_pb2.Enrollment:
    """Return ``standing`` in the words of the API."""
    first_day = standing.reissue_from
    return enrollment_pb2.Enrollment(
        status=_STATUSES[standing.status],
        service_id=service_id,
        user_id=standing.user_id,
        serial=standing.serial,
        issued_at=timestamp_of(standing.issued_at),
        deadline=timestamp_of(standing.deadline),
        reissue_from="" if first_day is None else first_day.isoformat(),
        letter=_LETTERS[standing.letter],
        login_otp=_CHOICES[standing.login_otp],
    )
