# SPDX-License-Identifier: Apache-2.0
"""Between the words of the counter for hardware tokens and the application's."""

from __future__ import annotations

from typing import Final, cast

from kagimori.api.enrollment.v1 import enrollment_pb2
from kagimori.application.inventory.desk import Assignment, Condition
from kagimori.application.inventory.desk_ports import StockedToken
from kagimori.domain.errors import InvalidField
from kagimori.domain.lifecycle import State
from kagimori.domain.token import MovingFactor
from kagimori.transport.mapping import serial_of, subscriber_ref_of, timestamp_of


def _state(word: str) -> enrollment_pb2.TokenState:
    name = f"TOKEN_STATE_{word}"
    return cast("enrollment_pb2.TokenState", enrollment_pb2.TokenState.Value(name))


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
        expires_at=timestamp_of(found.validity.not_after),
        drift_steps=token.drift,
    )


def came_back_of(found: StockedToken) -> enrollment_pb2.Token:
    """Return the same of a token that came back: that it did is the answer."""
    told = told_token_of(found)
    told.state = _STATES[found.token.state]
    return told
