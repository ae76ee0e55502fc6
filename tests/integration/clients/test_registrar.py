# SPDX-License-Identifier: Apache-2.0
"""A bank's page for enrolments: a value, or the error that fits; never a third thing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import assert_type
from uuid import UUID

import grpc
import pytest
from google.protobuf.message import Message

from kagimori.api.enrollment.v1 import enrollment_pb2
from kagimori.api.types.v1 import types_pb2
from kagimori.domain import errors
from kagimori_client import (
    AlreadyActive,
    AuthorityFault,
    Enrollment,
    EnrollmentStatus,
    KagimoriError,
    LetterStatus,
    LiveToken,
    NotLocked,
    NotNow,
    NotOffered,
    NoToken,
    NotProvisioned,
    OtpRefused,
    OtpRejected,
    OtpReplayed,
    Receipt,
    ReissueTooEarly,
    RequestIdReused,
    TokenLocked,
    TokenRegistrar,
)
from support.pages.bank_page import (
    ACCEPTED,
    ADDRESS,
    CODE,
    EVERY_CALL,
    ISSUED,
    PASSWORD,
    PATIENCE,
    REF,
    RELEASED,
    Call,
    activate,
    deregister,
    failure,
    issue,
    status,
)
from support.pages.scripted_registry import BANK, Script, refusing

GIVEN = UUID("0192b3c4-5d6e-7f80-9123-456789abcdef")


def test_what_the_customer_typed_is_sent_as_typed(
    registrar: TokenRegistrar, script: Script
) -> None:
    script.answers.append(enrollment_pb2.IssueSoftwareTokenResponse(enrollment=ISSUED))
    enrolled = assert_type(registrar.issue(REF, ADDRESS, PASSWORD), Enrollment)
    assert enrolled == Enrollment(
        EnrollmentStatus.ISSUED,
        BANK,
        user_id="999800000001",
        issued_at=datetime(2012, 4, 25, 1, 26, 10, tzinfo=UTC),
        deadline=datetime(2012, 5, 2, 1, 26, 10, tzinfo=UTC),
        letter=LetterStatus.PENDING,
    )
    asked = script.only
    assert asked.rpc == "IssueSoftwareToken"
    assert asked.caller.endswith(f"/tenant/{BANK}/role/registrar/id/core-1")
    assert asked.deadline <= PATIENCE
    wish = asked.request
    assert (wish.subscriber_ref, wish.mail_address) == (REF, ADDRESS)
    assert wish.activation_password == PASSWORD
    assert UUID(wish.request_id).version == 7


def test_an_activation_gives_a_receipt(registrar: TokenRegistrar, script: Script) -> None:
    script.answers.append(ACCEPTED)
    receipt = assert_type(registrar.activate(REF, CODE), Receipt)
    assert receipt.in_japanese() == "受付番号 1234567 受付時刻 2003年07月16日 10時35分25秒"
    asked = script.only
    assert asked.rpc == "ActivateToken"
    assert (asked.request.subscriber_ref, asked.request.code) == (REF, CODE)


def test_a_deregistration_tells_from_when_on_a_token_is_issued(
    registrar: TokenRegistrar, script: Script
) -> None:
    script.answers.append(enrollment_pb2.DeregisterTokenResponse(enrollment=RELEASED))
    released = assert_type(registrar.deregister(REF), Enrollment)
    assert released.status is EnrollmentStatus.RELEASED
    assert released.reissue_from == date(2012, 4, 26)
    assert (released.issued_at, released.deadline, released.letter) == (None, None, None)
    assert script.only.rpc == "DeregisterToken"


def test_a_customer_who_is_not_known_is_not_registered(
    registrar: TokenRegistrar, script: Script
) -> None:
    nobody = enrollment_pb2.Enrollment(
        status=enrollment_pb2.ENROLLMENT_STATUS_NOT_REGISTERED, service_id=BANK
    )
    script.answers.append(enrollment_pb2.GetEnrollmentResponse(enrollment=nobody))
    known = assert_type(registrar.status(REF), Enrollment)
    assert known == Enrollment(EnrollmentStatus.NOT_REGISTERED, BANK)
    assert known.status.in_japanese() == "未登録"


def test_the_deadline_of_an_enrolment_is_aware(registrar: TokenRegistrar, script: Script) -> None:
    script.answers.append(enrollment_pb2.GetEnrollmentResponse(enrollment=ISSUED))
    enrolled = status(registrar)
    assert enrolled.deadline is not None
    assert enrolled.issued_at is not None
    assert enrolled.deadline.tzinfo is UTC
    assert enrolled.deadline - enrolled.issued_at == timedelta(days=7)


@pytest.mark.parametrize("call", EVERY_CALL)
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (errors.LiveToken(), LiveToken),
        (errors.ReissueTooEarly("2012-04-26"), ReissueTooEarly),
        (errors.NotProvisioned(), NotProvisioned),
        (errors.AlreadyActive(), AlreadyActive),
        (errors.NoToken(), NoToken),
        (errors.NotLocked(), NotLocked),
        (errors.NotOffered("software tokens"), NotOffered),
        (refusing(grpc.StatusCode.FAILED_PRECONDITION, "A_RULE_OF_A_LATER_DAY"), NotNow),
        (errors.RequestIdReused(), RequestIdReused),
        (errors.RecordTampered(), AuthorityFault),
        (refusing(grpc.StatusCode.INTERNAL, "NO_TOKEN"), AuthorityFault),
    ],
)
def test_every_refusal_is_the_error_of_its_rule(
    registrar: TokenRegistrar,
    script: Script,
    call: Call,
    error: Exception,
    raised: type[KagimoriError],
) -> None:
    script.answers.append(error)  # type: ignore[arg-type] # an AuthorityError or a status
    assert type(failure(lambda: call(registrar))) is raised
    assert len(script.asked) == 1


def test_too_early_tells_the_first_day(registrar: TokenRegistrar, script: Script) -> None:
    told = refusing(
        grpc.StatusCode.FAILED_PRECONDITION, "REISSUE_TOO_EARLY", reissue_from="2012-04-26"
    )
    script.answers.extend([told, refusing(grpc.StatusCode.FAILED_PRECONDITION, "NO_TOKEN")])
    early = failure(lambda: issue(registrar))
    assert isinstance(early, ReissueTooEarly)
    assert early.first_day == date(2012, 4, 26)


@pytest.mark.parametrize("day", [{}, {"reissue_from": "tomorrow"}])
def test_too_early_without_a_day_is_too_early_all_the_same(
    registrar: TokenRegistrar, script: Script, day: dict[str, str]
) -> None:
    script.answers.append(refusing(grpc.StatusCode.FAILED_PRECONDITION, "REISSUE_TOO_EARLY", **day))
    early = failure(lambda: issue(registrar))
    assert isinstance(early, ReissueTooEarly)
    assert early.first_day is None


@pytest.mark.parametrize(
    ("outcome", "left", "raised"),
    [
        (types_pb2.OUTCOME_REJECTED, 4, OtpRejected),
        (types_pb2.OUTCOME_REPLAYED, 5, OtpReplayed),
        (types_pb2.OUTCOME_LOCKED, 0, TokenLocked),
    ],
)
def test_a_code_that_is_no_good_is_raised(
    registrar: TokenRegistrar,
    script: Script,
    outcome: types_pb2.Outcome,
    left: int,
    raised: type[OtpRefused],
) -> None:
    script.answers.append(enrollment_pb2.ActivateTokenResponse(outcome=outcome, attempts_left=left))
    refusal = failure(lambda: activate(registrar, request_id=GIVEN))
    assert type(refusal) is raised
    assert isinstance(refusal, OtpRefused)
    assert (refusal.attempts_left, refusal.request_id) == (left, GIVEN)


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (issue, enrollment_pb2.IssueSoftwareTokenResponse()),
        (issue, enrollment_pb2.IssueSoftwareTokenResponse(enrollment=RELEASED)),
        (activate, enrollment_pb2.ActivateTokenResponse()),
        (activate, enrollment_pb2.ActivateTokenResponse(outcome=types_pb2.OUTCOME_ACCEPTED)),
        (deregister, enrollment_pb2.DeregisterTokenResponse()),
        (deregister, enrollment_pb2.DeregisterTokenResponse(enrollment=ISSUED)),
        (status, enrollment_pb2.GetEnrollmentResponse()),
        (
            status,
            enrollment_pb2.GetEnrollmentResponse(
                enrollment=enrollment_pb2.Enrollment(status=99)  # type: ignore[arg-type] # a later word
            ),
        ),
    ],
)
def test_an_answer_that_does_not_say_so_is_no_yes(
    registrar: TokenRegistrar,
    script: Script,
    call: Call,
    answer: Message,
) -> None:
    script.answers.append(answer)
    assert type(failure(lambda: call(registrar))) is AuthorityFault
