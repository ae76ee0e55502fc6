# SPDX-License-Identifier: Apache-2.0
"""The bank's counter: a token as a value, or the error that fits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, assert_type

import grpc
import pytest
from google.protobuf.message import Message

from kagimori.api.enrollment.v1 import enrollment_pb2 as pb
from kagimori.domain import errors
from kagimori_client import (
    AuthorityFault,
    HardwareToken,
    HardwareTokenDesk,
    InvalidRequest,
    KagimoriError,
    LiveToken,
    NotAllowed,
    NotAssigned,
    NotHardware,
    NotInStock,
    NotNow,
    TokenCondition,
    TokenExpired,
    TokenKind,
    TokenState,
    Unavailable,
    UnknownSerial,
)
from support.pages.bank_page import AWAY, AWAY_FOR_LONG, PATIENCE, REF, failure
from support.pages.scripted_registry import BANK, Registry, Script, refusing

SERIAL = "2V0716016FK2"
EXPIRES = datetime(2031, 3, 31, 15, tzinfo=UTC)

Call = Callable[[HardwareTokenDesk], HardwareToken]


def told(state: str = "ASSIGNED", **changed: Any) -> pb.Token:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "serial": SERIAL,
        "state": pb.TokenState.Value(f"TOKEN_STATE_{state}"),
        "kind": pb.TOKEN_KIND_TIME_BASED,
        "digits": 6,
        "manufacturer": "Kagi",
        "model": "K-1",
        "expires_at": EXPIRES,
        "drift_steps": -2,
        **changed,
    }
    return pb.Token(**fields)


def known(state: TokenState) -> HardwareToken:
    return HardwareToken(SERIAL, state, TokenKind.TIME_BASED, 6, "Kagi", "K-1", EXPIRES, -2)


def assign(counter: HardwareTokenDesk) -> HardwareToken:
    return counter.assign(REF, SERIAL)


def status(counter: HardwareTokenDesk) -> HardwareToken:
    return counter.status(SERIAL)


def take_back(counter: HardwareTokenDesk) -> HardwareToken:
    return counter.take_back(SERIAL, TokenCondition.WORKING)


def condemn(counter: HardwareTokenDesk) -> HardwareToken:
    return counter.take_back(SERIAL, TokenCondition.DEFECTIVE)


CALLS: list[tuple[Call, Message]] = [
    (assign, pb.AssignTokenResponse(token=told())),
    (status, pb.GetTokenResponse(token=told())),
    (take_back, pb.ReturnTokenResponse(token=told("RETURNED"))),
    (condemn, pb.ReturnTokenResponse(token=told("DEFECTIVE"))),
]
EVERY_CALL = [call for call, _ in CALLS]


def test_an_assignment_names_customer_and_token(counter: HardwareTokenDesk, script: Script) -> None:
    script.answers.append(pb.AssignTokenResponse(token=told()))
    token = assert_type(counter.assign(REF, SERIAL), HardwareToken)
    assert token == known(TokenState.ASSIGNED)
    asked = script.only
    assert asked.rpc == "AssignToken"
    assert (asked.request.subscriber_ref, asked.request.serial) == (REF, SERIAL)
    assert asked.caller.endswith(f"/tenant/{BANK}/role/operator/id/core-1")
    assert REF not in repr(token)


@pytest.mark.parametrize("state", TokenState)
def test_a_status_tells_where_the_token_is(
    counter: HardwareTokenDesk, script: Script, state: TokenState
) -> None:
    script.answers.append(pb.GetTokenResponse(token=told(state)))
    token = assert_type(counter.status(SERIAL), HardwareToken)
    assert token == known(state)
    assert token.state.in_japanese()
    assert script.only.request.serial == SERIAL


def test_what_the_vendor_did_not_say_is_empty(counter: HardwareTokenDesk, script: Script) -> None:
    bare = pb.Token(
        serial=SERIAL,
        state=pb.TOKEN_STATE_IN_STOCK,
        kind=pb.TOKEN_KIND_EVENT_BASED,
        digits=8,
    )
    script.answers.append(pb.GetTokenResponse(token=bare))
    token = counter.status(SERIAL)
    assert token == HardwareToken(SERIAL, TokenState.IN_STOCK, TokenKind.EVENT_BASED, 8)
    assert (token.expires_at, token.drift_steps) == (None, 0)


@pytest.mark.parametrize(
    ("condition", "word", "state"),
    [
        (TokenCondition.WORKING, pb.TOKEN_CONDITION_WORKING, TokenState.RETURNED),
        (TokenCondition.DEFECTIVE, pb.TOKEN_CONDITION_DEFECTIVE, TokenState.DEFECTIVE),
    ],
)
def test_a_token_comes_back_in_its_condition(
    counter: HardwareTokenDesk,
    script: Script,
    condition: TokenCondition,
    word: pb.TokenCondition,
    state: TokenState,
) -> None:
    script.answers.append(pb.ReturnTokenResponse(token=told(state)))
    assert counter.take_back(SERIAL, condition) == known(state)
    assert script.only.rpc == "ReturnToken"
    assert (script.only.request.serial, script.only.request.condition) == (SERIAL, word)


@pytest.mark.parametrize(("call", "answer"), CALLS)
def test_an_outage_is_asked_again_as_it_was(
    counter: HardwareTokenDesk, script: Script, call: Call, answer: Message
) -> None:
    script.answers.extend([AWAY, answer])
    call(counter)
    first, second = script.asked
    assert first.request == second.request


@pytest.mark.parametrize("call", EVERY_CALL)
def test_an_outage_that_lasts_is_told(
    counter: HardwareTokenDesk, script: Script, call: Call
) -> None:
    script.answers.append(AWAY_FOR_LONG)
    outage = failure(lambda: call(counter))
    assert isinstance(outage, Unavailable)
    assert (outage.retry_after, outage.request_id) == (3600.0, None)


@pytest.mark.parametrize("call", EVERY_CALL)
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (errors.UnknownSerial(), UnknownSerial),
        (errors.NotHardware(), NotHardware),
        (errors.NotInStock(), NotInStock),
        (errors.TokenExpired(), TokenExpired),
        (errors.NotAssigned(), NotAssigned),
        (errors.LiveToken(), LiveToken),
        (errors.RecordTampered(), AuthorityFault),
        (refusing(grpc.StatusCode.NOT_FOUND, "A_WORD_OF_A_LATER_DAY"), AuthorityFault),
        (refusing(grpc.StatusCode.FAILED_PRECONDITION, "A_RULE_OF_A_LATER_DAY"), NotNow),
    ],
)
def test_every_refusal_is_the_error_of_its_rule(
    counter: HardwareTokenDesk,
    script: Script,
    call: Call,
    error: Exception,
    raised: type[KagimoriError],
) -> None:
    script.answers.append(error)  # type: ignore[arg-type] # an AuthorityError or a status
    refused = failure(lambda: call(counter))
    assert type(refused) is raised
    assert REF not in str(refused) + repr(refused)
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (assign, pb.AssignTokenResponse()),
        (assign, pb.AssignTokenResponse(token=told("IN_STOCK"))),
        (assign, pb.AssignTokenResponse(token=told("RETURNED"))),
        (assign, pb.AssignTokenResponse(token=told(serial="2V0716016FK3"))),
        (status, pb.GetTokenResponse()),
        (status, pb.GetTokenResponse(token=pb.Token(serial=SERIAL, kind=1, state=99))),  # type: ignore[arg-type] # a later word
        (status, pb.GetTokenResponse(token=pb.Token(serial=SERIAL, kind=9, state=1))),  # type: ignore[arg-type] # another
        (status, pb.GetTokenResponse(token=told(kind=0))),
        (status, pb.GetTokenResponse(token=told(serial="2V0716016FK3"))),
        (take_back, pb.ReturnTokenResponse()),
        (take_back, pb.ReturnTokenResponse(token=told("ACTIVE"))),
        (take_back, pb.ReturnTokenResponse(token=told("DEFECTIVE"))),
        (condemn, pb.ReturnTokenResponse(token=told("RETURNED"))),
    ],
)
def test_an_answer_that_does_not_say_so_is_no_yes(
    counter: HardwareTokenDesk, script: Script, call: Call, answer: Message
) -> None:
    script.answers.append(answer)
    assert type(failure(lambda: call(counter))) is AuthorityFault


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("subscriber_ref", lambda desk: desk.assign(None, SERIAL)),
        ("subscriber_ref", lambda desk: desk.assign(REF.encode(), SERIAL)),
        ("serial", lambda desk: desk.assign(REF, None)),
        ("serial", lambda desk: desk.status(4711)),
        ("serial", lambda desk: desk.take_back(b"2V", TokenCondition.WORKING)),
        ("condition", lambda desk: desk.take_back(SERIAL, "WORKING")),
        ("condition", lambda desk: desk.take_back(SERIAL, pb.TOKEN_CONDITION_WORKING)),
        ("condition", lambda desk: desk.take_back(SERIAL, None)),
    ],
)
def test_what_can_be_no_field_is_named_and_never_sent(
    counter: HardwareTokenDesk, script: Script, field: str, call: Callable[[Any], object]
) -> None:
    wrong = failure(lambda: call(counter))
    assert isinstance(wrong, InvalidRequest)
    assert wrong.field == field
    assert not script.asked


@pytest.mark.parametrize("call", EVERY_CALL)
@pytest.mark.parametrize("role", ["channel", "registrar"])
def test_only_the_banks_staff_stand_at_the_counter(
    registry: Registry, script: Script, call: Call, role: str
) -> None:
    files = registry.files(role)
    with HardwareTokenDesk(registry.target, **files, timeout=PATIENCE) as desk:
        assert type(failure(lambda: call(desk))) is NotAllowed
    assert not script.asked


def test_a_call_has_a_deadline(counter: HardwareTokenDesk, script: Script) -> None:
    script.answers.append(pb.GetTokenResponse(token=told()))
    counter.status(SERIAL, timeout=7.0)
    assert script.only.deadline <= 7.0
    with pytest.raises(ValueError, match="timeout"):
        counter.status(SERIAL, timeout=0)
