# SPDX-License-Identifier: Apache-2.0
"""What a bank's code hands in, looked at before it is sent.

What is a field of a request is `InvalidRequest` where it is wrong; what is not,
a `TypeError` or `ValueError` that names the argument. No value is quoted.
"""

from __future__ import annotations

from typing import Final, cast
from uuid import UUID

from kagimori_client.api.enrollment.v1 import login_otp_pb2
from kagimori_client.errors import InvalidRequest
from kagimori_client.hardware import TokenCondition
from kagimori_client.operation import Operation
from kagimori_client.request_id import fresh

_MOST: Final = 2**64 - 1
"""The largest uint64 of protobuf, whose own errors quote the value."""


def id_of(request_id: object) -> UUID:
    """Return ``request_id``, a fresh one for None, or raise `TypeError`."""
    return fresh() if request_id is None else uuid_of(request_id)


def uuid_of(request_id: object) -> UUID:
    """Return ``request_id``, or raise `TypeError`."""
    if isinstance(request_id, UUID):
        return request_id
    msg = "request_id must be a uuid.UUID"
    raise TypeError(msg)


def positive(timeout: object) -> float:
    """Return ``timeout`` in seconds, or raise `TypeError` or `ValueError`."""
    msg = "timeout must be a positive number of seconds"
    if not isinstance(timeout, int | float):
        raise TypeError(msg)
    if timeout > 0:
        return timeout
    raise ValueError(msg)


def check_texts(request_id: UUID | None, **fields: object) -> None:
    """Raise `InvalidRequest` for the first of ``fields`` that is no text."""
    # protobuf takes bytes for text, and its own errors quote the value.
    for field, text in fields.items():
        if not isinstance(text, str):
            msg = "must be a str"
            raise InvalidRequest(field, msg, request_id)
        try:
            text.encode()
        except UnicodeEncodeError:
            msg = "must be text that UTF-8 can hold"
            raise InvalidRequest(field, msg, request_id) from None


def check_subject(request_id: UUID | None, *, subscriber_ref: object, serial: object) -> None:
    """Raise `InvalidRequest` unless exactly one of the two is given, as text."""
    if (subscriber_ref is None) == (serial is None):
        msg = "name exactly one of subscriber_ref and serial"
        raise InvalidRequest("subject", msg, request_id)
    names = {"subscriber_ref": subscriber_ref, "serial": serial}
    check_texts(request_id, **{field: name for field, name in names.items() if name is not None})


def check_operation(request_id: UUID | None, operation: object) -> None:
    """Raise `InvalidRequest` for what is no `Operation`."""
    if not isinstance(operation, Operation):
        msg = "must be a member of kagimori_client.Operation"
        raise InvalidRequest("operation", msg, request_id)


def check_amount(amount: object) -> None:
    """Raise `InvalidRequest` for what is no whole number of yen, or none that is sent."""
    # bool is an int: True would be one yen.
    is_number = isinstance(amount, int) and not isinstance(amount, bool)
    if not is_number or not 1 <= cast("int", amount) <= _MOST:
        msg = "must be a positive int"
        raise InvalidRequest("amount", msg, None)


def check_choice(request_id: UUID | None, login_otp: object) -> login_otp_pb2.LoginOtp:
    """Return the word for a choice, or raise `InvalidRequest` for what is no bool."""
    if not isinstance(login_otp, bool):
        msg = "must be a bool"
        raise InvalidRequest("login_otp", msg, request_id)
    return login_otp_pb2.LOGIN_OTP_REQUIRED if login_otp else login_otp_pb2.LOGIN_OTP_NOT_REQUIRED


def check_condition(condition: object) -> None:
    """Raise `InvalidRequest` for what is no `TokenCondition`."""
    if not isinstance(condition, TokenCondition):
        msg = "must be a member of kagimori_client.TokenCondition"
        raise InvalidRequest("condition", msg, None)
