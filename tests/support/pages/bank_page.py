# SPDX-License-Identifier: Apache-2.0
"""What a customer typed on the bank's page, and answers that an authority gives to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.message import Message

from kagimori.api.enrollment.v1 import enrollment_pb2
from kagimori.api.types.v1 import types_pb2
from kagimori.domain import errors
from kagimori_client import Enrollment, KagimoriError, Receipt, TokenRegistrar
from support.pages.scripted_registry import BANK

Call = Callable[..., object]

REF: Final = "customer-4711"
ADDRESS: Final = "taro@data-bank.co.jp"
PASSWORD: Final = "90417362"
CODE: Final = "75522493"
SECRETS: Final = (REF, ADDRESS, PASSWORD, CODE)

PATIENCE: Final = 30.0
AWAY: Final = errors.StoreUnavailable("the database gave no answer", 0.05)
AWAY_FOR_LONG: Final = errors.StoreUnavailable("the database gave no answer", 3600.0)

ISSUED: Final = enrollment_pb2.Enrollment(
    status=enrollment_pb2.ENROLLMENT_STATUS_ISSUED,
    service_id=BANK,
    user_id="999800000001",
    issued_at=datetime(2012, 4, 25, 1, 26, 10, tzinfo=UTC),
    deadline=datetime(2012, 5, 2, 1, 26, 10, tzinfo=UTC),
    letter=enrollment_pb2.LETTER_STATUS_PENDING,
)
RELEASED: Final = enrollment_pb2.Enrollment(
    status=enrollment_pb2.ENROLLMENT_STATUS_RELEASED,
    service_id=BANK,
    user_id="999800000001",
    reissue_from="2012-04-26",
)
ACCEPTED: Final = enrollment_pb2.ActivateTokenResponse(
    outcome=types_pb2.OUTCOME_ACCEPTED,
    receipt=types_pb2.Receipt(
        number="1234567", accepted_at=datetime(2003, 7, 16, 1, 35, 25, tzinfo=UTC)
    ),
    attempts_left=5,
)


def issue(registrar: TokenRegistrar, **changed: object) -> Enrollment:
    words: dict[str, Any] = {
        "subscriber_ref": REF,
        "mail_address": ADDRESS,
        "activation_password": PASSWORD,
        **changed,
    }
    return registrar.issue(**words)


def activate(registrar: TokenRegistrar, **changed: object) -> Receipt:
    words: dict[str, Any] = {"subscriber_ref": REF, "code": CODE, **changed}
    return registrar.activate(**words)


def deregister(registrar: TokenRegistrar, **changed: object) -> Enrollment:
    words: dict[str, Any] = {"subscriber_ref": REF, **changed}
    return registrar.deregister(**words)


def status(registrar: TokenRegistrar, **changed: object) -> Enrollment:
    words: dict[str, Any] = {"subscriber_ref": REF, **changed}
    return registrar.status(**words)


EVERY_CALL: list[Call] = [issue, activate, deregister, status]
UNDER_AN_ID: list[tuple[Call, Message]] = [
    (issue, enrollment_pb2.IssueSoftwareTokenResponse(enrollment=ISSUED)),
    (activate, ACCEPTED),
]
WITHOUT_ONE: list[tuple[Call, Message]] = [
    (deregister, enrollment_pb2.DeregisterTokenResponse(enrollment=RELEASED)),
    (status, enrollment_pb2.GetEnrollmentResponse(enrollment=ISSUED)),
]


def failure(call: Callable[[], object]) -> KagimoriError:
    try:
        call()
    except KagimoriError as error:
        return error
    msg = "the call succeeded"
    raise AssertionError(msg)
