# SPDX-License-Identifier: Apache-2.0
"""EnrollmentService on the wire: who may call, what is asked and told, what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from structlog.testing import capture_logs

from development.certificates import AUTHORITY_TENANT
from kagimori.api.enrollment.v1 import enrollment_pb2 as pb
from kagimori.api.enrollment.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import verification_pb2 as verification
from kagimori.api.verification.v1.verification_pb2_grpc import VerificationServiceStub
from kagimori.application.enrollment.requirement import Needs, Requirement
from kagimori.application.enrollment.standing import Standing
from kagimori.application.ports import BySerial, BySubscriber
from kagimori.application.verification.verify import Caller
from kagimori.domain import errors
from kagimori.domain.enrollment import LetterState
from kagimori.domain.lifecycle import Status
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from support.processes.calls import PATIENCE, REQUEST_ID
from support.served.transport import ACCEPTED, BANK, ScriptedEnrollment, Served, failure_of

CUSTOMER = "customer-4711"
ADDRESS = "hanako@mail.example"
PASSWORD = "482915"
AT = datetime(2003, 7, 16, 1, 35, 25, tzinfo=UTC)
DAY = date(2027, 1, 15)
UNTIL = datetime(2003, 7, 23, 1, 35, 25, tzinfo=UTC)

REQUESTS: dict[str, Message] = {
    "IssueSoftwareToken": pb.IssueSoftwareTokenRequest(
        request_id=REQUEST_ID,
        subscriber_ref=CUSTOMER,
        mail_address=ADDRESS,
        activation_password=PASSWORD,
    ),
    "ActivateToken": pb.ActivateTokenRequest(
        request_id=REQUEST_ID, subscriber_ref=CUSTOMER, code="755224"
    ),
    "DeregisterToken": pb.DeregisterTokenRequest(subscriber_ref=CUSTOMER),
    "GetEnrollment": pb.GetEnrollmentRequest(subscriber_ref=CUSTOMER),
    "UnlockToken": pb.UnlockTokenRequest(subscriber_ref=CUSTOMER),
    "AssignToken": pb.AssignTokenRequest(subscriber_ref=CUSTOMER, serial="2V0716016FK2"),
    "GetToken": pb.GetTokenRequest(serial="2V0716016FK2"),
    "ReturnToken": pb.ReturnTokenRequest(
        serial="2V0716016FK2", condition=pb.TOKEN_CONDITION_WORKING
    ),
}
MAY = {
    "registrar": {"IssueSoftwareToken", "ActivateToken", "DeregisterToken", "GetEnrollment"},
    "operator": {"GetEnrollment", "UnlockToken", "AssignToken", "GetToken", "ReturnToken"},
    "channel": set[str](),
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


def require(channel: grpc.Channel, **changed: Any) -> Any:  # noqa: ANN401 - its answer
    stub = VerificationServiceStub(channel)  # type: ignore[no-untyped-call] # generated
    fields = {"subscriber_ref": CUSTOMER, "operation": types_pb2.OPERATION_LOGIN, **changed}
    request = verification.GetOtpRequirementRequest(**fields)
    return stub.GetOtpRequirement(request, timeout=PATIENCE)


def test_an_issue_is_asked_and_told(page: grpc.Channel, scripted: ScriptedEnrollment) -> None:
    scripted.issue.answers.append(
        Standing(
            Status.ISSUED,
            "999800000001",
            issued_at=AT,
            deadline=UNTIL,
            letter=LetterState.PENDING,
        )
    )
    told = ask(page, "IssueSoftwareToken").enrollment
    ((caller, order),) = scripted.issue.asked
    assert caller == Caller(BANK, "core-1")
    assert (order.request_id, order.subscriber_ref) == (REQUEST_ID, CUSTOMER)
    assert (order.mail_address, order.password.reveal()) == (ADDRESS, PASSWORD)
    assert (told.status, told.letter) == (pb.ENROLLMENT_STATUS_ISSUED, pb.LETTER_STATUS_PENDING)
    assert (told.service_id, told.user_id, told.serial) == (BANK, "999800000001", "")
    assert told.issued_at.ToDatetime(tzinfo=UTC) == AT
    assert told.deadline.ToDatetime(tzinfo=UTC) == UNTIL
    assert not told.reissue_from


def test_an_activation_is_asked_and_told(page: grpc.Channel, scripted: ScriptedEnrollment) -> None:
    scripted.activate.answers += [ACCEPTED, Verdict(Outcome.REJECTED, None, 4)]
    told = ask(page, "ActivateToken")
    ((caller, activation, seconds_left),) = scripted.activate.asked
    assert (caller.tenant, activation.request_id) == (BANK, REQUEST_ID)
    assert (activation.subscriber_ref, activation.code.reveal()) == (CUSTOMER, "755224")
    assert 0 < seconds_left < 2 * PATIENCE
    assert (told.outcome, told.receipt.number) == (types_pb2.OUTCOME_ACCEPTED, "1234567")
    told = ask(page, "ActivateToken")
    assert (told.outcome, told.attempts_left) == (types_pb2.OUTCOME_REJECTED, 4)
    assert not told.HasField("receipt")


def test_a_deregistration_tells_the_first_day(
    page: grpc.Channel, scripted: ScriptedEnrollment
) -> None:
    scripted.deregister.answers.append(
        Standing(Status.RELEASED, "999800000001", issued_at=AT, reissue_from=date(2003, 7, 17))
    )
    told = ask(page, "DeregisterToken").enrollment
    assert scripted.deregister.asked == [(Caller(BANK, "core-1"), CUSTOMER)]
    assert (told.status, told.reissue_from) == (pb.ENROLLMENT_STATUS_RELEASED, "2003-07-17")
    assert not told.HasField("deadline")


@pytest.mark.parametrize("status", Status)
def test_every_status_has_its_word(
    page: grpc.Channel, scripted: ScriptedEnrollment, status: Status
) -> None:
    scripted.status.answers.append(Standing(status))
    told = ask(page, "GetEnrollment").enrollment
    word = "LOCKED" if status is Status.BARRED else status
    assert pb.EnrollmentStatus.Name(told.status) == f"ENROLLMENT_STATUS_{word}"
    assert told.letter == pb.LETTER_STATUS_UNSPECIFIED


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ({"subscriber_ref": CUSTOMER}, BySubscriber(CUSTOMER)),
        ({"serial": "2V0716016FK2"}, BySerial("2V0716016FK2")),
    ],
    ids=str,
)
def test_staff_unlock_by_either_name(
    staff: grpc.Channel,
    scripted: ScriptedEnrollment,
    subject: dict[str, str],
    expected: BySubscriber | BySerial,
) -> None:
    scripted.unlock.answers.append(None)
    stub = EnrollmentServiceStub(staff)  # type: ignore[no-untyped-call] # generated
    stub.UnlockToken(pb.UnlockTokenRequest(**subject), timeout=PATIENCE)
    assert scripted.unlock.asked == [(Caller(BANK, "core-1"), expected)]


@pytest.mark.parametrize(
    ("requirement", "word"),
    [
        (Requirement(Needs.OTP, has_token=True), "OTP_REQUIREMENT_OTP"),
        (Requirement(Needs.NONE, has_token=True), "OTP_REQUIREMENT_NONE"),
        (Requirement(Needs.NONE, has_token=False, cut_over=DAY), "OTP_REQUIREMENT_NONE"),
        (
            Requirement(Needs.REGISTRATION, has_token=False, cut_over=DAY),
            "OTP_REQUIREMENT_REGISTRATION",
        ),
    ],
    ids=str,
)
def test_a_channel_hears_what_an_operation_needs(
    line: grpc.Channel, scripted: ScriptedEnrollment, requirement: Requirement, word: str
) -> None:
    scripted.require.answers.append(requirement)
    told = require(line)
    assert scripted.require.asked == [(Caller(BANK, "core-1"), CUSTOMER, Operation.LOGIN, None)]
    assert verification.OtpRequirement.Name(told.requirement) == word
    assert told.has_token == requirement.has_token
    day = requirement.cut_over
    assert told.cut_over_on == ("" if day is None else day.isoformat())


@pytest.mark.parametrize(
    ("role", "rpc"),
    [(role, rpc) for role, allowed in MAY.items() for rpc in REQUESTS if rpc not in allowed],
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


WRONG = [
    ("IssueSoftwareToken", "request_id", "4711"),
    ("IssueSoftwareToken", "request_id", ""),
    ("IssueSoftwareToken", "subscriber_ref", ""),
    ("IssueSoftwareToken", "subscriber_ref", "x" * 65),
    ("IssueSoftwareToken", "mail_address", ""),
    ("IssueSoftwareToken", "mail_address", "hanako@bank"),
    ("IssueSoftwareToken", "mail_address", "hanako@mail.example\n"),
    ("IssueSoftwareToken", "mail_address", "Hanako <hanako@mail.example>"),
    ("IssueSoftwareToken", "mail_address", "花子@mail.example"),
    ("IssueSoftwareToken", "activation_password", ""),
    ("IssueSoftwareToken", "activation_password", "123"),
    ("IssueSoftwareToken", "activation_password", "123456789"),
    ("IssueSoftwareToken", "activation_password", "12a4"),
    ("IssueSoftwareToken", "activation_password", "1234\n"),
    ("IssueSoftwareToken", "activation_password", "１２３４"),  # noqa: RUF001 - full-width on purpose
    ("ActivateToken", "request_id", "00000000-0000-0000-0000-000000000000"),
    ("ActivateToken", "subscriber_ref", "47\x0011"),
    ("ActivateToken", "code", "75522"),
    ("ActivateToken", "code", "755224 "),
    ("DeregisterToken", "subscriber_ref", ""),
    ("GetEnrollment", "subscriber_ref", "4711\n"),
]


@pytest.mark.parametrize(("rpc", "field", "value"), WRONG)
def test_names_the_wrong_field_and_not_its_value(
    page: grpc.Channel, scripted: ScriptedEnrollment, rpc: str, field: str, value: str
) -> None:
    failure = failure_of(lambda: ask(page, rpc, **{field: value}))
    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)
    assert not value or value not in failure.details
    assert not any(use_case.asked for use_case in scripted.all)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"subscriber_ref": ""}, "subscriber_ref"),
        ({"serial": "skts"}, "serial"),
        ({}, "subject"),
    ],
)
def test_an_unlock_needs_a_name(staff: grpc.Channel, changed: dict[str, str], field: str) -> None:
    stub = EnrollmentServiceStub(staff)  # type: ignore[no-untyped-call] # generated
    failure = failure_of(
        lambda: stub.UnlockToken(pb.UnlockTokenRequest(**changed), timeout=PATIENCE)
    )
    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"operation": types_pb2.OPERATION_UNSPECIFIED}, "operation"),
        ({"operation": 4}, "operation"),
        ({"subscriber_ref": ""}, "subscriber_ref"),
    ],
)
def test_a_requirement_needs_customer_and_operation(
    line: grpc.Channel, changed: dict[str, Any], field: str
) -> None:
    failure = failure_of(lambda: require(line, **changed))
    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)


REFUSALS = [
    errors.LiveToken(),
    errors.ReissueTooEarly("2003-07-17"),
    errors.NotOffered("software tokens by mail"),
    errors.NotProvisioned(),
    errors.AlreadyActive(),
    errors.NoToken(),
    errors.NotLocked(),
    errors.NotInStock(),
    errors.TokenExpired(),
    errors.NotAssigned(),
    errors.NotHardware(),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: error.reason)
def test_a_rule_that_forbids_it_is_named(
    page: grpc.Channel, scripted: ScriptedEnrollment, error: errors.NotNow
) -> None:
    scripted.deregister.answers.append(error)
    failure = failure_of(lambda: ask(page, "DeregisterToken"))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, error.reason)
    assert failure.details == str(error)


@pytest.mark.parametrize("answer", [Standing(Status.ISSUED, "999800000001"), errors.LiveToken()])
def test_the_log_knows_the_call_and_nothing_of_the_customer(
    page: grpc.Channel, scripted: ScriptedEnrollment, answer: object
) -> None:
    scripted.issue.answers.append(answer)
    with capture_logs() as logs:
        _quietly(lambda: ask(page, "IssueSoftwareToken"))
    (entry,) = logs
    assert entry["request_id"] == REQUEST_ID
    for secret in (CUSTOMER, ADDRESS, PASSWORD):
        assert secret not in str(entry)


def _quietly(call: Callable[[], object]) -> None:
    try:
        call()
    except grpc.RpcError:
        return
