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
from kagimori.application.inventory.desk import Assignment, Condition
from kagimori.application.inventory.desk_ports import StockedToken
from kagimori.domain.code import Otp
from kagimori.domain.enrollment import ActivationPassword, LetterState, mail_address
from kagimori.domain.errors import InvalidField
from kagimori.domain.lifecycle import State, Status
from kagimori.domain.token import MovingFactor
from kagimori.transport.mapping import serial_of, subscriber_ref_of, uuid_of


def _status(word: str) -> enrollment_pb2.EnrollmentStatus:
    name = f"ENROLLMENT_STATUS_{word}"
    return cast("enrollment_pb2.EnrollmentStatus", enrollment_pb2.EnrollmentStatus.Value(name))


def _letter(word: str) -> enrollment_pb2.LetterStatus:
    name = f"LETTER_STATUS_{word}"
    return cast("enrollment_pb2.LetterStatus", enrollment_pb2.LetterStatus.Value(name))


def _state(word: str) -> enrollment_pb2.TokenState:
    name = f"TOKEN_STATE_{word}"
    return cast("enrollment_pb2.TokenState", enrollment_pb2.TokenState.Value(name))


_STATUSES: Final = {
    # To a bank a token that was never activated is locked as any other.
    status: _status(Status.LOCKED if status is Status.BARRED else status)
    for status in Status
}
_LETTERS: Final = {state: _letter(state) for state in LetterState}
_STATES: Final = {
    state: _state(State.LOCKED if state is State.BARRED else state) for state in State
}
_KINDS: Final = {
    MovingFactor.TIME: enrollment_pb2.TOKEN_KIND_TIME_BASED,
    MovingFactor.EVENT: enrollment_pb2.TOKEN_KIND_EVENT_BASED,
}
_CONDITIONS: Final = {
    enrollment_pb2.TOKEN_CONDITION_WORKING: Condition.WORKING,
    enrollment_pb2.TOKEN_CONDITION_DEFECTIVE: Condition.DEFECTIVE,
}


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


def assignment_of(request: enrollment_pb2.AssignTokenRequest) -> Assignment:
    """Return who is to have which token, or raise `InvalidField` for the first wrong field."""
    return Assignment(subscriber_ref_of(request.subscriber_ref), serial_of(request.serial))


def condition_of(request: enrollment_pb2.ReturnTokenRequest) -> Condition:
    """Return how the token came back, or raise `InvalidField`."""
    try:
        return _CONDITIONS[request.condition]
    except KeyError:
        raise InvalidField("condition", "must be WORKING or DEFECTIVE") from None


def told_token_of(found: StockedToken) -> enrollment_pb2.Token:
    """Return ``found`` in the words of the API."""
    token, profile = found.token, found.token.identity.profile
    return enrollment_pb2.Token(
        serial=token.identity.serial,
        state=(enrollment_pb2.TOKEN_STATE_EXPIRED if found.is_expired else _STATES[token.state]),
        kind=_KINDS[profile.factor],
        digits=profile.digits,
        manufacturer=found.device.manufacturer,
        model=found.device.model,
        expires_at=_timestamp(found.validity.not_after),
        drift_steps=token.drift,
    )


def came_back_of(found: StockedToken) -> enrollment_pb2.Token:
    """Return the same of a token that came back: that it did is the answer."""
    told = told_token_of(found)
    told.state = _STATES[found.token.state]
    return told


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
