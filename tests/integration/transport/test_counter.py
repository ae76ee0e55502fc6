# SPDX-License-Identifier: Apache-2.0
"""Hardware tokens on the wire: what is asked and told at the counter, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from kagimori.api.enrollment.v1 import enrollment_pb2 as pb
from kagimori.api.enrollment.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from kagimori.application.inventory.desk import Assignment, Condition
from kagimori.application.inventory.desk_ports import StockedToken
from kagimori.application.verification.verify import Caller
from kagimori.domain import errors
from kagimori.domain.device import Device, Validity
from kagimori.domain.lifecycle import DESTROYED, State
from kagimori.domain.token import Hash, MovingFactor, Profile
from support.processes.calls import PATIENCE
from support.served.transport import BANK, ScriptedEnrollment, Served, failure_of
from support.tokens import EVENT, SERIAL, identity, token

CUSTOMER = "customer-4711"
TIME = Profile(MovingFactor.TIME, Hash.SHA1, digits=8, period=30)
NOW = datetime(2003, 7, 16, 1, 35, 25, tzinfo=UTC)
LATER = NOW + timedelta(days=700)
STAFF = Caller(BANK, "core-1")


@pytest.fixture
def scripted(served: Served) -> ScriptedEnrollment:
    for use_case in served.enrollment.all:
        use_case.asked.clear()
        use_case.answers.clear()
    return served.enrollment


@pytest.fixture(scope="module")
def staff(served: Served) -> Iterator[Any]:
    with served.channel(served.bank("operator")) as channel:
        yield EnrollmentServiceStub(channel)  # type: ignore[no-untyped-call] # generated


def stocked(
    state: State = State.ASSIGNED, profile: Profile = TIME, until: datetime | None = LATER
) -> StockedToken:
    there = token(identity(profile, subscriber=CUSTOMER), state=state)
    object.__setattr__(there, "drift", -3)
    return StockedToken(NOW, there, Validity(None, until), Device("Kagi", "K-1", NOW.date()))


def assign(staff: Any, **changed: Any) -> pb.Token:  # noqa: ANN401 - a generated stub
    fields = {"subscriber_ref": CUSTOMER, "serial": SERIAL, **changed}
    answer: pb.AssignTokenResponse = staff.AssignToken(
        pb.AssignTokenRequest(**fields), timeout=PATIENCE
    )
    return answer.token


def get(staff: Any, serial: str = SERIAL) -> pb.Token:  # noqa: ANN401 - a generated stub
    answer: pb.GetTokenResponse = staff.GetToken(
        pb.GetTokenRequest(serial=serial), timeout=PATIENCE
    )
    return answer.token


def take_back(
    staff: Any,  # noqa: ANN401 - a generated stub
    serial: str = SERIAL,
    condition: int = pb.TOKEN_CONDITION_WORKING,
) -> pb.Token:
    request = pb.ReturnTokenRequest(serial=serial, condition=condition)  # type: ignore[arg-type] # any number
    answer: pb.ReturnTokenResponse = staff.ReturnToken(request, timeout=PATIENCE)
    return answer.token


def test_an_assignment_is_asked_and_told(staff: Any, scripted: ScriptedEnrollment) -> None:  # noqa: ANN401
    scripted.assign.answers.append(stocked())
    told = assign(staff)
    assert scripted.assign.asked == [(STAFF, Assignment(CUSTOMER, SERIAL))]
    assert (told.serial, told.state, told.digits) == (SERIAL, pb.TOKEN_STATE_ASSIGNED, 8)
    assert (told.kind, told.drift_steps) == (pb.TOKEN_KIND_TIME_BASED, -3)
    assert (told.manufacturer, told.model) == ("Kagi", "K-1")
    assert told.expires_at.ToDatetime(tzinfo=UTC) == LATER
    assert CUSTOMER not in str(told)


@pytest.mark.parametrize("state", State)
def test_every_state_has_its_word(
    staff: Any,  # noqa: ANN401 - a generated stub
    scripted: ScriptedEnrollment,
    state: State,
) -> None:
    scripted.token.answers.extend([stocked(state), stocked(state, until=NOW)])
    word = "LOCKED" if state is State.BARRED else state
    assert pb.TokenState.Name(get(staff).state) == f"TOKEN_STATE_{word}"
    over = word if state in DESTROYED else "EXPIRED"
    assert pb.TokenState.Name(get(staff).state) == f"TOKEN_STATE_{over}"
    assert scripted.token.asked == [(STAFF, SERIAL)] * 2


def test_a_token_without_a_vendors_word_has_none(
    staff: Any,  # noqa: ANN401 - a generated stub
    scripted: ScriptedEnrollment,
) -> None:
    scripted.token.answers.append(StockedToken(NOW, token(identity(EVENT, subscriber=None))))
    told = get(staff)
    assert told.kind == pb.TOKEN_KIND_EVENT_BASED
    assert (told.manufacturer, told.model, told.HasField("expires_at")) == ("", "", False)


@pytest.mark.parametrize(
    ("word", "condition", "state"),
    [
        (pb.TOKEN_CONDITION_WORKING, Condition.WORKING, State.RETURNED),
        (pb.TOKEN_CONDITION_DEFECTIVE, Condition.DEFECTIVE, State.DEFECTIVE),
    ],
)
def test_a_return_is_asked_and_told(
    staff: Any,  # noqa: ANN401 - a generated stub
    scripted: ScriptedEnrollment,
    word: int,
    condition: Condition,
    state: State,
) -> None:
    # Expired or not: that it came back is the answer.
    scripted.take_back.answers.extend([stocked(state), stocked(state, until=NOW)])
    for _ in range(2):
        assert pb.TokenState.Name(take_back(staff, SERIAL, word).state) == f"TOKEN_STATE_{state}"
    assert scripted.take_back.asked == [(STAFF, SERIAL, condition)] * 2


@pytest.mark.parametrize("wrong", ["", "skts", "2V0716016FK2 ", "2" * 33, "２Ｖ", "2V\n"])  # noqa: RUF001 - on purpose
def test_a_serial_that_can_be_none_is_named(
    staff: Any,  # noqa: ANN401 - a generated stub
    scripted: ScriptedEnrollment,
    wrong: str,
) -> None:
    for call in (
        lambda: assign(staff, serial=wrong),
        lambda: get(staff, wrong),
        lambda: take_back(staff, wrong),
    ):
        failure = failure_of(call)
        assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "serial")
        assert not wrong or wrong not in failure.details
    assert not any(use_case.asked for use_case in scripted.all)


@pytest.mark.parametrize("wrong", ["", "x" * 65, "47\x0011", "4711\n"])
def test_a_customer_that_can_be_none_is_named(
    staff: Any,  # noqa: ANN401 - a generated stub
    scripted: ScriptedEnrollment,
    wrong: str,
) -> None:
    failure = failure_of(lambda: assign(staff, subscriber_ref=wrong))
    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "subscriber_ref")
    assert not scripted.assign.asked


@pytest.mark.parametrize("wrong", [pb.TOKEN_CONDITION_UNSPECIFIED, 3, -1])
def test_a_condition_must_be_said(
    staff: Any,  # noqa: ANN401 - a generated stub
    scripted: ScriptedEnrollment,
    wrong: int,
) -> None:
    failure = failure_of(lambda: take_back(staff, SERIAL, wrong))
    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "condition")
    assert not scripted.take_back.asked


def test_an_unknown_serial_is_not_found(staff: Any, scripted: ScriptedEnrollment) -> None:  # noqa: ANN401
    scripted.token.answers.append(errors.UnknownSerial())
    failure = failure_of(lambda: get(staff))
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_SERIAL")
    assert SERIAL not in failure.details


@pytest.mark.parametrize("answer", [stocked(), errors.LiveToken()])
def test_the_log_knows_the_token_and_nothing_of_the_customer(
    staff: Any,  # noqa: ANN401 - a generated stub
    scripted: ScriptedEnrollment,
    answer: object,
) -> None:
    scripted.assign.answers.append(answer)
    with capture_logs() as logs:
        _quietly(lambda: assign(staff))
    (entry,) = logs
    assert entry["serial"] == SERIAL
    assert CUSTOMER not in str(entry)


def _quietly(call: Callable[[], object]) -> None:
    try:
        call()
    except grpc.RpcError:
        return
