# SPDX-License-Identifier: Apache-2.0
"""Between the words of a registration, and an exchange, and the application's."""

from __future__ import annotations

from typing import Final, cast

from kagimori.api.enrollment.v1 import registration_pb2
from kagimori.application.registration.ports import Part
from kagimori.application.registration.register import RegistrationAnswer, RegistrationOrder
from kagimori.application.registration.replace import (
    BegunAnswer,
    ReplacementAnswer,
    ReplacementOrder,
)
from kagimori.domain.code import Otp
from kagimori.transport.enrollment.grid_mapping import grid_answer_of
from kagimori.transport.enrollment.standing_mapping import login_otp_of
from kagimori.transport.mapping import (
    subscriber_ref_of,
    timestamp_of,
    told_outcome,
    uuid_of,
    write_answer,
)


def _part(word: str) -> registration_pb2.RegistrationPart:
    name = f"REGISTRATION_PART_{word}"
    return cast("registration_pb2.RegistrationPart", registration_pb2.RegistrationPart.Value(name))


_PARTS: Final[dict[Part | None, registration_pb2.RegistrationPart]] = {
    None: registration_pb2.REGISTRATION_PART_UNSPECIFIED,
    **{part: _part(part) for part in Part},
}


def registration_of(request: registration_pb2.RegisterTokenRequest) -> RegistrationOrder:
    """Return what the customer typed, or raise `InvalidField` for the first wrong field.

    The serial number is as he typed it: how long it must be is the tenant's rule.
    """
    return RegistrationOrder(
        uuid_of(request.request_id),
        subscriber_ref_of(request.subscriber_ref),
        request.serial,
        Otp(request.code),
        login_otp_of(request.login_otp),
        grid_answer_of(request.grid_answer) if request.HasField("grid_answer") else None,
    )


def exchange_of(request: registration_pb2.CompleteReplacementRequest) -> ReplacementOrder:
    """Return what the customer typed of the new token, as above."""
    return ReplacementOrder(
        uuid_of(request.request_id),
        subscriber_ref_of(request.subscriber_ref),
        request.serial,
        Otp(request.code),
    )


def registered_of(answer: RegistrationAnswer) -> registration_pb2.RegisterTokenResponse:
    """Return ``answer`` in the words of the API."""
    response = registration_pb2.RegisterTokenResponse(part=_PARTS[answer.part])
    write_answer(answer.verdict, response)
    return response


def begun_of(answer: BegunAnswer) -> registration_pb2.BeginReplacementResponse:
    """Return ``answer`` in the words of the API. There is no receipt to tell of."""
    return registration_pb2.BeginReplacementResponse(
        outcome=told_outcome(answer.verdict.outcome),
        attempts_left=answer.verdict.attempts_left,
        complete_by=timestamp_of(answer.complete_by),
    )


def exchanged_of(answer: ReplacementAnswer) -> registration_pb2.CompleteReplacementResponse:
    """Return ``answer`` in the words of the API."""
    response = registration_pb2.CompleteReplacementResponse(
        serial_after=answer.serial_after,
        serial_before=answer.serial_before,
        part=_PARTS[answer.part],
    )
    write_answer(answer.verdict, response)
    return response
