# SPDX-License-Identifier: Apache-2.0
"""Serial numbers and grid cards in a registrar's calls: every field, and every answer."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest
from google.protobuf.message import Message

from kagimori.api.enrollment.v1 import enrollment_pb2, grid_card_pb2, login_otp_pb2
from kagimori.api.enrollment.v1 import registration_pb2 as pb
from kagimori.api.types.v1 import types_pb2
from kagimori.domain import errors
from kagimori_client import (
    AuthorityFault,
    BankDesk,
    GridAnswerRejected,
    GridChallenge,
    InvalidRequest,
    KagimoriError,
    NoGridCard,
    NotAllowed,
    NotLocked,
    NotNow,
    OtpRejected,
    Receipt,
    ReplacementReceipt,
    TokenRegistrar,
    TriesSpent,
    Unavailable,
)
from support.pages.bank_page import AWAY, AWAY_FOR_LONG, PATIENCE, REF, Call, failure
from support.pages.scripted_registry import BANK, Registry, Script
from support.pages.serial_page import (
    ASKED,
    BEGUN,
    CHALLENGE_ID,
    CHOSEN,
    CODE,
    EVERY_CALL,
    OLD_SERIAL,
    READ,
    REGISTERED,
    REPLACED,
    RIGHT,
    SECRETS,
    SERIAL,
    TERMINATED,
    UNDER_AN_ID,
    UNTIL,
    WITHOUT_ONE,
    answer,
    begin,
    challenge,
    choose,
    complete,
    register,
    terminate,
)

ID: Final = UUID("0192b3c4-5d6e-7f80-9123-456789abcdef")
AT: Final = datetime(2003, 7, 16, 1, 35, 25, tzinfo=UTC)
_NAMED: Final = {"request_id": str(ID), "subscriber_ref": REF}
_READ: Final = grid_card_pb2.GridAnswer(
    challenge_id=str(CHALLENGE_ID), first=READ.first, second=READ.second
)
ON_THE_WIRE: Final[list[tuple[Call, Message, str, Message]]] = [
    (
        register,
        REGISTERED,
        "RegisterToken",
        pb.RegisterTokenRequest(
            **_NAMED,
            serial=SERIAL,
            code=CODE,
            login_otp=login_otp_pb2.LOGIN_OTP_REQUIRED,
            grid_answer=_READ,
        ),
    ),
    (terminate, TERMINATED, "TerminateToken", pb.TerminateTokenRequest(**_NAMED, code=CODE)),
    (begin, BEGUN, "BeginReplacement", pb.BeginReplacementRequest(**_NAMED, code=CODE)),
    (
        complete,
        REPLACED,
        "CompleteReplacement",
        pb.CompleteReplacementRequest(**_NAMED, serial=SERIAL, code=CODE),
    ),
    (
        answer,
        RIGHT,
        "VerifyGridAnswer",
        grid_card_pb2.VerifyGridAnswerRequest(**_NAMED, answer=_READ),
    ),
]


@pytest.mark.parametrize(("call", "told", "rpc", "asked"), ON_THE_WIRE)
def test_what_was_typed_is_asked_as_it_is(  # noqa: PLR0913, PLR0917 - call and its two ends
    registrar: TokenRegistrar, script: Script, call: Call, told: Message, rpc: str, asked: Message
) -> None:
    script.answers.append(told)
    call(registrar, request_id=ID)
    assert (script.only.rpc, script.only.request) == (rpc, asked)
    assert script.only.caller.endswith(f"/tenant/{BANK}/role/registrar/id/core-1")


def test_what_is_done_is_told_as_a_value(registrar: TokenRegistrar, script: Script) -> None:
    script.answers.extend([REGISTERED, TERMINATED, BEGUN, REPLACED, ASKED])
    receipt = Receipt("1234567", AT)
    assert [register(registrar), terminate(registrar)] == [receipt, receipt]
    assert begin(registrar) == UNTIL
    assert complete(registrar) == ReplacementReceipt("1234567", AT, SERIAL, OLD_SERIAL)
    assert challenge(registrar) == GridChallenge(CHALLENGE_ID, ("ウ", "カ"), UNTIL)


def test_a_choice_and_a_card_that_a_bank_does_not_ask_for_are_not_sent(
    registrar: TokenRegistrar, script: Script
) -> None:
    script.answers.append(REGISTERED)
    register(registrar, login_otp=None, grid_answer=None)
    sent = script.only.request
    assert sent.login_otp == login_otp_pb2.LOGIN_OTP_UNSPECIFIED
    assert not sent.HasField("grid_answer")


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        (True, login_otp_pb2.LOGIN_OTP_REQUIRED),
        (False, login_otp_pb2.LOGIN_OTP_NOT_REQUIRED),
    ],
)
def test_a_choice_is_sent_in_its_word(
    registrar: TokenRegistrar, script: Script, *, choice: bool, word: int
) -> None:
    chosen = enrollment_pb2.SetLoginOtpResponse()
    chosen.CopyFrom(CHOSEN)
    chosen.enrollment.login_otp = word  # type: ignore[assignment] # one of the two
    script.answers.append(chosen)
    assert registrar.set_login_otp(REF, login_otp=choice).login_otp is choice
    assert script.only.request == enrollment_pb2.SetLoginOtpRequest(
        subscriber_ref=REF,
        login_otp=word,  # type: ignore[arg-type] # one of the two
    )


@pytest.mark.parametrize(("call", "told"), UNDER_AN_ID)
def test_an_outage_is_asked_again_under_the_same_request_id(
    registrar: TokenRegistrar, script: Script, call: Call, told: Message
) -> None:
    script.answers.extend([AWAY, told])
    call(registrar)
    first, second = script.asked
    assert first.request == second.request
    assert UUID(first.request.request_id).int


@pytest.mark.parametrize(("call", "told"), UNDER_AN_ID)
def test_an_outage_that_lasts_tells_the_request_id_to_go_on_with(
    registrar: TokenRegistrar, script: Script, call: Call, told: Message
) -> None:
    script.answers.extend([AWAY_FOR_LONG, told])
    outage = failure(lambda: call(registrar))
    assert isinstance(outage, Unavailable)
    call(registrar, request_id=outage.request_id)
    assert {asked.request.request_id for asked in script.asked} == {str(outage.request_id)}


@pytest.mark.parametrize(("call", "told"), WITHOUT_ONE)
def test_what_has_no_request_id_is_asked_again_as_it_was(
    registrar: TokenRegistrar, script: Script, call: Call, told: Message
) -> None:
    script.answers.extend([AWAY, told])
    call(registrar)
    first, second = script.asked
    assert first.request == second.request


REFUSALS: Final[list[tuple[Call, Message | errors.AuthorityError, type[KagimoriError]]]] = [
    (
        register,
        pb.RegisterTokenResponse(
            outcome=types_pb2.OUTCOME_LOCKED, part=pb.REGISTRATION_PART_CUSTOMER
        ),
        TriesSpent,
    ),
    (
        register,
        pb.RegisterTokenResponse(
            outcome=types_pb2.OUTCOME_REJECTED, part=pb.REGISTRATION_PART_GRID_CARD
        ),
        GridAnswerRejected,
    ),
    (begin, pb.BeginReplacementResponse(outcome=types_pb2.OUTCOME_REJECTED), OtpRejected),
    (terminate, pb.TerminateTokenResponse(outcome=types_pb2.OUTCOME_REJECTED), OtpRejected),
    (
        complete,
        pb.CompleteReplacementResponse(
            outcome=types_pb2.OUTCOME_LOCKED, part=pb.REGISTRATION_PART_CUSTOMER
        ),
        TriesSpent,
    ),
    (complete, errors.ReplacementNotBegun(), NotNow),
    (challenge, errors.NoGridCard(), NoGridCard),
    (choose, errors.NoToken(), NotNow),
    (answer, grid_card_pb2.VerifyGridAnswerResponse(), AuthorityFault),
    (terminate, pb.TerminateTokenResponse(outcome=types_pb2.OUTCOME_ACCEPTED), AuthorityFault),
]


@pytest.mark.parametrize(("call", "told", "raised"), REFUSALS)
def test_what_is_no_yes_is_raised_once_and_shows_no_secret(
    registrar: TokenRegistrar,
    script: Script,
    call: Call,
    told: Message | errors.AuthorityError,
    raised: type[KagimoriError],
) -> None:
    script.answers.append(told)
    error = failure(lambda: call(registrar))
    assert isinstance(error, raised)
    assert len(script.asked) == 1
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert not [secret for secret in SECRETS if secret in shown]


TYPED_WRONG: Final[list[tuple[Call, dict[str, Any], str]]] = [
    *(
        (call, {"subscriber_ref": 4711}, "subscriber_ref")
        for call in (register, choose, terminate, begin, complete, challenge, answer)
    ),
    *((call, {"code": CODE.encode()}, "code") for call in (register, terminate, begin, complete)),
    *((call, {"serial": b"2V0716016FK2"}, "serial") for call in (register, complete)),
    (register, {"login_otp": "REQUIRED"}, "login_otp"),
    (register, {"login_otp": 1}, "login_otp"),
    (choose, {"login_otp": None}, "login_otp"),
    (register, {"grid_answer": ("5224", "7082")}, "grid_answer"),
    (answer, {"answer": None}, "grid_answer"),
]


@pytest.mark.parametrize(("call", "wrong", "field"), TYPED_WRONG)
def test_what_can_be_no_field_is_not_sent(
    registrar: TokenRegistrar, script: Script, call: Call, wrong: dict[str, Any], field: str
) -> None:
    error = failure(lambda: call(registrar, **wrong))
    assert isinstance(error, InvalidRequest)
    assert error.field == field
    assert not script.asked


@pytest.mark.parametrize("role", ["channel", "operator"])
@pytest.mark.parametrize("call", EVERY_CALL)
def test_another_role_may_not(registry: Registry, script: Script, role: str, call: Call) -> None:
    with TokenRegistrar(registry.target, **registry.files(role), timeout=PATIENCE) as registrar:
        assert type(failure(lambda: call(registrar))) is NotAllowed
    assert not script.asked


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (errors.NotLocked(), NotLocked),
        (errors.NoGridCard(), NoGridCard),
        (AWAY, Unavailable),
    ],
)
def test_the_banks_staff_unlock_a_card_once_for_each_decision(
    desk: BankDesk, script: Script, error: errors.AuthorityError, raised: type[KagimoriError]
) -> None:
    script.answers.extend([grid_card_pb2.UnlockGridCardResponse(), error])
    desk.unlock_grid_card(REF)
    assert script.only.request == grid_card_pb2.UnlockGridCardRequest(subscriber_ref=REF)
    assert type(failure(lambda: desk.unlock_grid_card(REF))) is raised
    assert len(script.asked) == 2
