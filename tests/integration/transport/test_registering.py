# SPDX-License-Identifier: Apache-2.0
"""Serial numbers and grid cards on the wire: who may call, what is asked, told and logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import grpc
import pytest
from google.protobuf.message import Message
from structlog.testing import capture_logs

from development.certificates import AUTHORITY_TENANT
from kagimori.api.enrollment.v1 import enrollment_pb2, grid_card_pb2, registration_pb2
from kagimori.api.enrollment.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from kagimori.api.enrollment.v1.login_otp_pb2 import (
    LOGIN_OTP_NOT_REQUIRED,
    LOGIN_OTP_REQUIRED,
    LOGIN_OTP_UNSPECIFIED,
)
from kagimori.api.types.v1 import types_pb2
from kagimori.application.enrollment.standing import Standing
from kagimori.application.grid_cards.ports import Challenge, GridVerdict
from kagimori.application.registration.ports import Part
from kagimori.application.registration.register import RegistrationAnswer
from kagimori.application.registration.replace import BegunAnswer, ReplacementAnswer
from kagimori.application.verification.verify import Caller
from kagimori.domain import errors
from kagimori.domain.grid_card import GridOutcome, Pair
from kagimori.domain.lifecycle import Status
from kagimori.domain.outcome import Outcome, Verdict
from support.processes.calls import PATIENCE, REQUEST_ID
from support.served.transport import ACCEPTED, BANK, ScriptedEnrollment, Served, failure_of

CUSTOMER: Final = "customer-4711"
SERIAL: Final = "2V0716016FK2"
OLD: Final = "SKTS00000001"
CODE: Final = "755224"
CHALLENGE_ID: Final = "0192b3c4-5d6e-7f80-9123-456789abcde0"
CELLS: Final = ("5224", "7082")
UNTIL: Final = datetime(2003, 7, 16, 1, 45, 25, tzinfo=UTC)
REFUSED: Final = Verdict(Outcome.REJECTED, attempts_left=4)
READ: Final = grid_card_pb2.GridAnswer(challenge_id=CHALLENGE_ID, first=CELLS[0], second=CELLS[1])
PAGE: Final = Caller(BANK, "core-1")

_NAMED: Final = {"request_id": REQUEST_ID, "subscriber_ref": CUSTOMER}
REQUESTS: Final[dict[str, Message]] = {
    "RegisterToken": registration_pb2.RegisterTokenRequest(
        **_NAMED, serial=SERIAL, code=CODE, login_otp=LOGIN_OTP_REQUIRED, grid_answer=READ
    ),
    "SetLoginOtp": enrollment_pb2.SetLoginOtpRequest(
        subscriber_ref=CUSTOMER, login_otp=LOGIN_OTP_NOT_REQUIRED
    ),
    "TerminateToken": registration_pb2.TerminateTokenRequest(**_NAMED, code=CODE),
    "BeginReplacement": registration_pb2.BeginReplacementRequest(**_NAMED, code=CODE),
    "CompleteReplacement": registration_pb2.CompleteReplacementRequest(
        **_NAMED, serial=SERIAL, code=CODE
    ),
    "CreateGridChallenge": grid_card_pb2.CreateGridChallengeRequest(subscriber_ref=CUSTOMER),
    "VerifyGridAnswer": grid_card_pb2.VerifyGridAnswerRequest(**_NAMED, answer=READ),
    "UnlockGridCard": grid_card_pb2.UnlockGridCardRequest(subscriber_ref=CUSTOMER),
}
STAFFS: Final = {"UnlockGridCard"}
USE_CASES: Final = {
    "RegisterToken": "register",
    "SetLoginOtp": "choose",
    "TerminateToken": "terminate",
    "BeginReplacement": "begin",
    "CompleteReplacement": "complete",
    "CreateGridChallenge": "challenge",
    "VerifyGridAnswer": "answer",
    "UnlockGridCard": "unlock_card",
}


@pytest.fixture
def scripted(served: Served) -> ScriptedEnrollment:
    for use_case in served.enrollment.all:
        use_case.asked.clear()
        use_case.answers.clear()
    return served.enrollment


@pytest.fixture(scope="module")
def page(served: Served) -> Iterator[grpc.Channel]:
    with served.channel(served.bank("registrar")) as channel:
        yield channel


@pytest.fixture(scope="module")
def staff(served: Served) -> Iterator[grpc.Channel]:
    with served.channel(served.bank("operator")) as channel:
        yield channel


def ask(channel: grpc.Channel, rpc: str, **changed: Any) -> Any:  # noqa: ANN401 - any answer
    stub = EnrollmentServiceStub(channel)  # type: ignore[no-untyped-call] # generated
    request = REQUESTS[rpc]
    fields = {field.name: value for field, value in request.ListFields()} | changed
    return getattr(stub, rpc)(type(request)(**fields), timeout=PATIENCE)


def test_a_registration_is_asked_and_told(page: grpc.Channel, scripted: ScriptedEnrollment) -> None:
    scripted.register.answers.append(RegistrationAnswer(ACCEPTED))
    told = ask(page, "RegisterToken")
    ((caller, order, seconds_left),) = scripted.register.asked
    assert caller == PAGE
    assert (order.request_id, order.subscriber_ref, order.serial) == (REQUEST_ID, CUSTOMER, SERIAL)
    assert (order.code.reveal(), order.login_otp) == (CODE, True)
    assert order.grid_answer.challenge_id == CHALLENGE_ID
    assert order.grid_answer.cells.reveal() == CELLS
    assert 0 < seconds_left < 2 * PATIENCE
    assert (told.outcome, told.receipt.number) == (types_pb2.OUTCOME_ACCEPTED, "1234567")
    assert told.part == registration_pb2.REGISTRATION_PART_UNSPECIFIED


def test_a_registration_without_choice_and_card_says_neither(
    page: grpc.Channel, scripted: ScriptedEnrollment
) -> None:
    scripted.register.answers.append(RegistrationAnswer(REFUSED, Part.TOKEN))
    told = ask(page, "RegisterToken", login_otp=LOGIN_OTP_UNSPECIFIED, grid_answer=None)
    ((_, order, _),) = scripted.register.asked
    assert (order.login_otp, order.grid_answer) == (None, None)
    assert (told.outcome, told.attempts_left) == (types_pb2.OUTCOME_REJECTED, 4)
    assert told.part == registration_pb2.REGISTRATION_PART_TOKEN
    assert not told.HasField("receipt")


def test_a_choice_is_asked_and_told(page: grpc.Channel, scripted: ScriptedEnrollment) -> None:
    scripted.choose.answers.append(Standing(Status.ACTIVE, serial=SERIAL, login_otp=False))
    told = ask(page, "SetLoginOtp").enrollment
    assert scripted.choose.asked == [(PAGE, CUSTOMER, False)]
    assert (told.status, told.serial) == (enrollment_pb2.ENROLLMENT_STATUS_ACTIVE, SERIAL)
    assert told.login_otp == LOGIN_OTP_NOT_REQUIRED


@pytest.mark.parametrize(
    ("rpc", "answer"),
    [("TerminateToken", ACCEPTED), ("BeginReplacement", BegunAnswer(ACCEPTED, UNTIL))],
)
def test_a_code_of_the_customers_own_token_is_asked(
    page: grpc.Channel, scripted: ScriptedEnrollment, rpc: str, answer: object
) -> None:
    use_case = getattr(scripted, USE_CASES[rpc])
    use_case.answers.append(answer)
    told = ask(page, rpc)
    ((caller, request_id, subscriber_ref, code, seconds_left),) = use_case.asked
    assert (caller, request_id, subscriber_ref) == (PAGE, REQUEST_ID, CUSTOMER)
    assert code.reveal() == CODE
    assert 0 < seconds_left < 2 * PATIENCE
    assert told.outcome == types_pb2.OUTCOME_ACCEPTED


def test_a_termination_has_a_receipt_and_a_first_step_a_time(
    page: grpc.Channel, scripted: ScriptedEnrollment
) -> None:
    scripted.terminate.answers.append(ACCEPTED)
    scripted.begin.answers.append(BegunAnswer(ACCEPTED, UNTIL))
    assert ask(page, "TerminateToken").receipt.number == "1234567"
    assert ask(page, "BeginReplacement").complete_by.ToDatetime(tzinfo=UTC) == UNTIL


def test_an_exchange_is_asked_and_told(page: grpc.Channel, scripted: ScriptedEnrollment) -> None:
    scripted.complete.answers.append(ReplacementAnswer(ACCEPTED, None, SERIAL, OLD))
    told = ask(page, "CompleteReplacement")
    ((caller, order, _),) = scripted.complete.asked
    assert caller == PAGE
    assert (order.request_id, order.subscriber_ref, order.serial) == (REQUEST_ID, CUSTOMER, SERIAL)
    assert order.code.reveal() == CODE
    assert (told.serial_after, told.serial_before) == (SERIAL, OLD)
    assert told.receipt.number == "1234567"


def test_a_challenge_is_asked_and_told(page: grpc.Channel, scripted: ScriptedEnrollment) -> None:
    scripted.challenge.answers.append(Challenge(CHALLENGE_ID, Pair(2, 5), UNTIL))
    told = ask(page, "CreateGridChallenge")
    assert scripted.challenge.asked == [(PAGE, CUSTOMER)]
    # The bank's page asks for (1)(ウ) and (2)(カ).
    assert (told.challenge_id, list(told.columns)) == (CHALLENGE_ID, ["ウ", "カ"])
    assert told.answer_by.ToDatetime(tzinfo=UTC) == UNTIL


def test_an_answer_is_asked_and_told(page: grpc.Channel, scripted: ScriptedEnrollment) -> None:
    scripted.answer.answers.append(GridVerdict(GridOutcome.REJECTED, 4))
    told = ask(page, "VerifyGridAnswer")
    ((caller, request_id, subscriber_ref, answer),) = scripted.answer.asked
    assert (caller, request_id, subscriber_ref) == (PAGE, REQUEST_ID, CUSTOMER)
    assert (answer.challenge_id, answer.cells.reveal()) == (CHALLENGE_ID, CELLS)
    assert (told.outcome, told.attempts_left) == (grid_card_pb2.GRID_OUTCOME_REJECTED, 4)


def test_staff_unlock_a_card(staff: grpc.Channel, scripted: ScriptedEnrollment) -> None:
    scripted.unlock_card.answers.append(None)
    ask(staff, "UnlockGridCard")
    assert scripted.unlock_card.asked == [(PAGE, CUSTOMER)]


@pytest.mark.parametrize(
    ("role", "rpc"),
    [
        (role, rpc)
        for role in ("channel", "registrar", "operator")
        for rpc in REQUESTS
        if role != ("operator" if rpc in STAFFS else "registrar")
    ],
)
def test_a_role_of_the_bank_without_the_right_is_refused(
    served: Served, scripted: ScriptedEnrollment, role: str, rpc: str
) -> None:
    _refused(served, scripted, BANK, role, rpc)


@pytest.mark.parametrize("rpc", REQUESTS)
@pytest.mark.parametrize("role", ["operator", "hsm-admin", "auditor"])
def test_no_staff_of_the_authority_touches_a_banks_customers(
    served: Served, scripted: ScriptedEnrollment, role: str, rpc: str
) -> None:
    _refused(served, scripted, AUTHORITY_TENANT, role, rpc)


def _refused(
    served: Served, scripted: ScriptedEnrollment, tenant: str, role: str, rpc: str
) -> None:
    with served.channel(served.authority.client(tenant, role)) as channel:
        failure = failure_of(lambda: ask(channel, rpc))
    assert (failure.code, failure.reason) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "ROLE_NOT_ALLOWED",
    )
    assert not any(use_case.asked for use_case in scripted.all)


ONE_CELL: Final = grid_card_pb2.GridAnswer(challenge_id=CHALLENGE_ID, first=CELLS[0])
WRONG: Final[list[tuple[str, str, str, object]]] = [
    *(
        (rpc, field, field, value)
        for rpc in ("RegisterToken", "TerminateToken", "BeginReplacement", "CompleteReplacement")
        for field, value in (
            ("request_id", ""),
            ("request_id", "4711"),
            ("subscriber_ref", "x" * 65),
            ("code", "75522"),
            ("code", "７５５２２４"),  # noqa: RUF001 - full-width on purpose
        )
    ),
    ("RegisterToken", "login_otp", "login_otp", 3),
    ("RegisterToken", "grid_answer", "grid_answer.second", ONE_CELL),
    ("SetLoginOtp", "subscriber_ref", "subscriber_ref", ""),
    ("SetLoginOtp", "login_otp", "login_otp", LOGIN_OTP_UNSPECIFIED),
    ("SetLoginOtp", "login_otp", "login_otp", 3),
    ("CreateGridChallenge", "subscriber_ref", "subscriber_ref", ""),
    ("VerifyGridAnswer", "request_id", "request_id", "00000000-0000-0000-0000-000000000000"),
    ("VerifyGridAnswer", "subscriber_ref", "subscriber_ref", "4711\n"),
    ("VerifyGridAnswer", "answer", "answer", None),
    ("VerifyGridAnswer", "answer", "answer.second", ONE_CELL),
]


@pytest.mark.parametrize(("rpc", "field", "told", "value"), WRONG)
def test_names_the_wrong_field_and_not_its_value(  # noqa: PLR0913, PLR0917 - what is wrong
    page: grpc.Channel,
    scripted: ScriptedEnrollment,
    rpc: str,
    field: str,
    told: str,
    value: object,
) -> None:
    failure = failure_of(lambda: ask(page, rpc, **{field: value}))
    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, told)
    assert not isinstance(value, str) or not value or value not in failure.details
    assert not any(use_case.asked for use_case in scripted.all)


def test_staff_must_name_whose_card_it_is(staff: grpc.Channel) -> None:
    failure = failure_of(lambda: ask(staff, "UnlockGridCard", subscriber_ref=""))
    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "subscriber_ref")


REFUSALS: Final = [
    errors.ReplacementNotBegun(),
    errors.ReplacementExpired(),
    errors.SameToken(),
    errors.NoGridCard(),
    errors.ChallengeOver(),
    errors.NotOffered("registering tokens by their serial numbers"),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: error.reason)
def test_a_rule_that_forbids_it_is_named(
    page: grpc.Channel, scripted: ScriptedEnrollment, error: errors.NotNow
) -> None:
    scripted.complete.answers.append(error)
    failure = failure_of(lambda: ask(page, "CompleteReplacement"))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, error.reason)
    assert failure.details == str(error)


LOGGED: Final[list[tuple[str, object, dict[str, object]]]] = [
    (
        "RegisterToken",
        RegistrationAnswer(ACCEPTED),
        {"request_id": REQUEST_ID, "serial": SERIAL, "outcome": "ACCEPTED"},
    ),
    (
        "RegisterToken",
        RegistrationAnswer(Verdict(Outcome.LOCKED, attempts_left=0), Part.CUSTOMER),
        {"serial": SERIAL, "outcome": "LOCKED", "part": "CUSTOMER"},
    ),
    ("RegisterToken", errors.LiveToken(), {"request_id": REQUEST_ID, "reason": "LIVE_TOKEN"}),
    ("TerminateToken", REFUSED, {"request_id": REQUEST_ID, "outcome": "REJECTED"}),
    ("BeginReplacement", BegunAnswer(REFUSED, None), {"outcome": "REJECTED"}),
    (
        "CompleteReplacement",
        ReplacementAnswer(ACCEPTED, None, SERIAL, OLD),
        {"serial": SERIAL, "serial_before": OLD, "outcome": "ACCEPTED"},
    ),
    ("VerifyGridAnswer", GridVerdict(GridOutcome.LOCKED, 0), {"outcome": "LOCKED"}),
    ("SetLoginOtp", Standing(Status.ACTIVE, login_otp=False), {"enrollment": "ACTIVE"}),
]


@pytest.mark.parametrize(("rpc", "answer", "facts"), LOGGED)
def test_the_log_knows_the_call_and_nothing_of_the_customer(
    page: grpc.Channel,
    scripted: ScriptedEnrollment,
    rpc: str,
    answer: object,
    facts: dict[str, object],
) -> None:
    getattr(scripted, USE_CASES[rpc]).answers.append(answer)
    (entry,) = _log_of(lambda: ask(page, rpc))
    assert {name: entry[name] for name in facts} == facts
    for secret in (CUSTOMER, CODE, *CELLS):
        assert secret not in str(entry)


@pytest.mark.parametrize("rpc", ["RegisterToken", "CompleteReplacement"])
def test_a_code_in_the_serial_numbers_place_is_not_logged(
    page: grpc.Channel, scripted: ScriptedEnrollment, rpc: str
) -> None:
    wrong = errors.InvalidField("serial", "must be 12 characters of [0-9A-Z]")
    getattr(scripted, USE_CASES[rpc]).answers.append(wrong)
    (entry,) = _log_of(lambda: ask(page, rpc, serial=CODE))
    assert (entry["reason"], entry["field"]) == ("INVALID_FIELD", "serial")
    assert CODE not in str(entry)


def _log_of(call: Callable[[], object]) -> list[Any]:
    with capture_logs() as logs:
        try:
            call()
        except grpc.RpcError:
            return list(logs)
    return list(logs)
