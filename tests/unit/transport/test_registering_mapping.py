# SPDX-License-Identifier: Apache-2.0
"""What customers type of serial numbers and grid cards is read exactly, or refused by field."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final

import pytest
from google.protobuf.message import Message

from kagimori.api.enrollment.v1 import enrollment_pb2, login_otp_pb2
from kagimori.api.enrollment.v1.grid_card_pb2 import (
    GridAnswer as GridAnswerMessage,
)
from kagimori.api.enrollment.v1.grid_card_pb2 import GridOutcome as GridOutcomeWord
from kagimori.api.enrollment.v1.grid_card_pb2 import VerifyGridAnswerRequest
from kagimori.api.enrollment.v1.registration_pb2 import (
    CompleteReplacementRequest,
    RegisterTokenRequest,
    RegistrationPart,
)
from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1.verification_pb2 import OtpRequirement
from kagimori.application.enrollment.requirement import Needs, Requirement
from kagimori.application.enrollment.standing import Standing
from kagimori.application.grid_cards.ports import Challenge, GridVerdict
from kagimori.application.registration.ports import Part
from kagimori.application.registration.register import RegistrationAnswer
from kagimori.application.registration.replace import BegunAnswer, ReplacementAnswer
from kagimori.domain.errors import InvalidField
from kagimori.domain.grid_card import COLUMNS, PAIRS, GridOutcome
from kagimori.domain.lifecycle import Status
from kagimori.domain.outcome import Outcome, Receipt, Verdict
from kagimori.transport.enrollment.grid_mapping import (
    challenge_of,
    grid_verdict_of,
    required_answer_of,
)
from kagimori.transport.enrollment.registering_mapping import (
    begun_of,
    exchange_of,
    exchanged_of,
    registered_of,
    registration_of,
)
from kagimori.transport.enrollment.standing_mapping import choice_of, enrollment_of
from kagimori.transport.mapping import requirement_of

REQUEST_ID: Final = "0192b3c4-5d6e-7f80-9123-456789abcdef"
CHALLENGE_ID: Final = "0192b3c4-5d6e-7f80-9123-456789abcde0"
AT: Final = datetime(2003, 7, 16, 1, 35, 25, tzinfo=UTC)
ACCEPTED: Final = Verdict(Outcome.ACCEPTED, Receipt(1234567, AT), 5)

READ: Final = {"challenge_id": CHALLENGE_ID, "first": "5224", "second": "7082"}
RIGHT: Final[dict[str, Any]] = {
    "request_id": REQUEST_ID,
    "subscriber_ref": "4711",
    "serial": "2V0716016FK2",
    "code": "755224",
    "login_otp": login_otp_pb2.LOGIN_OTP_REQUIRED,
    "grid_answer": READ,
}
TYPED: Final = [
    ("request_id", "request_id", ""),
    ("request_id", "request_id", REQUEST_ID.upper()),
    ("request_id", "request_id", "00000000-0000-0000-0000-000000000000"),
    ("subscriber_ref", "subscriber_ref", ""),
    ("subscriber_ref", "subscriber_ref", "x" * 65),
    ("subscriber_ref", "subscriber_ref", "47\x0011"),
    ("code", "code", ""),
    ("code", "code", "75522"),
    ("code", "code", "755224 "),
    ("code", "code", "７５５２２４"),  # noqa: RUF001 - full-width on purpose
]
READ_WRONG: Final = [
    ("challenge_id", ""),
    ("challenge_id", "4711"),
    ("challenge_id", CHALLENGE_ID.upper()),
    ("challenge_id", "00000000-0000-0000-0000-000000000000"),
    ("first", ""),
    ("first", "522"),
    ("first", "52245"),
    ("first", "５２２４"),  # noqa: RUF001 - full-width on purpose
    ("first", "52 4"),
    ("second", ""),
    ("second", "7082\n"),
    ("second", "٧٠٨٢"),
]
A_WORD_OF_A_LATER_DAY: Final = 99


def registration(**changed: Any) -> RegisterTokenRequest:  # noqa: ANN401 - any field
    fields = {**RIGHT, **changed}
    read = fields.pop("grid_answer")
    request = RegisterTokenRequest(**fields)
    if read is not None:
        request.grid_answer.CopyFrom(GridAnswerMessage(**read))
    return request


def exchange(**changed: Any) -> CompleteReplacementRequest:  # noqa: ANN401 - any field
    names = ("request_id", "subscriber_ref", "serial", "code")
    return CompleteReplacementRequest(**{name: {**RIGHT, **changed}[name] for name in names})


def test_reads_what_a_customer_typed_of_his_token() -> None:
    order = registration_of(registration())
    assert (order.request_id, order.subscriber_ref) == (REQUEST_ID, "4711")
    assert (order.serial, order.code.reveal()) == ("2V0716016FK2", "755224")
    assert order.login_otp is True
    assert order.grid_answer is not None
    assert order.grid_answer.challenge_id == CHALLENGE_ID
    assert order.grid_answer.cells.reveal() == ("5224", "7082")


def test_reads_what_a_customer_typed_of_his_new_token() -> None:
    order = exchange_of(exchange())
    assert (order.request_id, order.subscriber_ref) == (REQUEST_ID, "4711")
    assert (order.serial, order.code.reveal()) == ("2V0716016FK2", "755224")


@pytest.mark.parametrize("serial", ["", "2v0716016fk2", "2V0716016FK", "２Ｖ０７", "755224"])  # noqa: RUF001 - full-width on purpose
def test_a_serial_number_goes_on_as_typed_for_its_length_is_the_tenants_rule(serial: str) -> None:
    assert registration_of(registration(serial=serial)).serial == serial
    assert exchange_of(exchange(serial=serial)).serial == serial


def test_neither_code_nor_customer_nor_cell_is_shown() -> None:
    for order in (registration_of(registration()), exchange_of(exchange())):
        shown = repr(order)
        assert not [secret for secret in ("755224", "4711", "5224", "7082") if secret in shown]


@pytest.mark.parametrize(("field", "told", "value"), TYPED)
def test_names_the_wrong_field_and_not_its_value(field: str, told: str, value: str) -> None:
    for read, request in (
        (registration_of, registration(**{field: value})),
        (exchange_of, exchange(**{field: value})),
    ):
        with pytest.raises(InvalidField) as refused:
            read(request)  # type: ignore[arg-type] # each with its own message
        assert refused.value.field == told
        assert not value or value not in str(refused.value)


@pytest.mark.parametrize(("field", "value"), READ_WRONG)
def test_names_the_wrong_field_of_an_answer_and_not_its_value(field: str, value: str) -> None:
    read = {**READ, field: value}
    asked = VerifyGridAnswerRequest(answer=GridAnswerMessage(**read))
    for name, attempt in (
        ("grid_answer", lambda: registration_of(registration(grid_answer=read))),
        ("answer", lambda: required_answer_of(asked)),
    ):
        with pytest.raises(InvalidField) as refused:
            attempt()
        assert refused.value.field == f"{name}.{field}"
        assert not value or value not in str(refused.value)


def test_an_answer_of_one_cell_is_named_by_the_cell_that_is_missing() -> None:
    one = {"challenge_id": CHALLENGE_ID, "first": "5224"}
    with pytest.raises(InvalidField) as refused:
        registration_of(registration(grid_answer=one))
    assert refused.value.field == "grid_answer.second"


def test_no_answer_is_none_at_a_registration_and_an_error_where_it_is_the_question() -> None:
    assert registration_of(registration(grid_answer=None)).grid_answer is None
    with pytest.raises(InvalidField) as refused:
        required_answer_of(VerifyGridAnswerRequest())
    assert refused.value.field == "answer"
    # There, and empty: that is no answer left out.
    with pytest.raises(InvalidField) as refused:
        registration_of(registration(grid_answer={}))
    assert refused.value.field == "grid_answer.challenge_id"


@pytest.mark.parametrize(
    ("word", "choice"),
    [
        (login_otp_pb2.LOGIN_OTP_UNSPECIFIED, None),
        (login_otp_pb2.LOGIN_OTP_REQUIRED, True),
        (login_otp_pb2.LOGIN_OTP_NOT_REQUIRED, False),
    ],
)
def test_reads_a_choice(word: login_otp_pb2.LoginOtp, choice: bool | None) -> None:  # noqa: FBT001
    assert registration_of(registration(login_otp=word)).login_otp is choice


@pytest.mark.parametrize("word", [3, A_WORD_OF_A_LATER_DAY, -1])
def test_a_choice_that_is_none_is_refused(word: Any) -> None:  # noqa: ANN401 - whatever the wire holds
    with pytest.raises(InvalidField) as refused:
        registration_of(registration(login_otp=word))
    assert refused.value.field == "login_otp"


@pytest.mark.parametrize("word", [0, A_WORD_OF_A_LATER_DAY])
def test_a_choice_that_is_asked_for_must_be_made(word: Any) -> None:  # noqa: ANN401 - as above
    with pytest.raises(InvalidField) as refused:
        choice_of(word)
    assert refused.value.field == "login_otp"
    assert choice_of(login_otp_pb2.LOGIN_OTP_REQUIRED) is True
    assert choice_of(login_otp_pb2.LOGIN_OTP_NOT_REQUIRED) is False


@pytest.mark.parametrize("part", Part)
def test_every_part_has_its_word(part: Part) -> None:
    verdict = Verdict(Outcome.LOCKED, attempts_left=0)
    for told in (
        registered_of(RegistrationAnswer(verdict, part)),
        exchanged_of(ReplacementAnswer(verdict, part)),
    ):
        assert RegistrationPart.Name(told.part) == f"REGISTRATION_PART_{part}"
        assert (told.outcome, told.attempts_left) == (types_pb2.OUTCOME_LOCKED, 0)
        assert told.HasField("attempts_left")
        assert not told.HasField("receipt")


def test_an_acceptance_is_of_no_part_and_has_a_receipt() -> None:
    registered = registered_of(RegistrationAnswer(ACCEPTED))
    exchanged = exchanged_of(ReplacementAnswer(ACCEPTED, None, "2V0716016FK2", "SKTS00000001"))
    for told in (registered, exchanged):
        assert told.part == 0
        assert told.receipt.number == "1234567"
        assert told.receipt.accepted_at.ToDatetime(tzinfo=UTC) == AT
    assert (exchanged.serial_after, exchanged.serial_before) == ("2V0716016FK2", "SKTS00000001")


def test_a_first_step_tells_until_when_and_no_receipt() -> None:
    told = begun_of(BegunAnswer(ACCEPTED, AT))
    assert told.outcome == types_pb2.OUTCOME_ACCEPTED
    assert told.complete_by.ToDatetime(tzinfo=UTC) == AT
    refused = begun_of(BegunAnswer(Verdict(Outcome.REJECTED, attempts_left=0), None))
    assert refused.HasField("attempts_left")
    assert not refused.HasField("complete_by")
    assert not begun_of(BegunAnswer(Verdict(Outcome.NOT_ACTIVE), None)).HasField("attempts_left")


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        (None, login_otp_pb2.LOGIN_OTP_UNSPECIFIED),
        (True, login_otp_pb2.LOGIN_OTP_REQUIRED),
        (False, login_otp_pb2.LOGIN_OTP_NOT_REQUIRED),
    ],
)
def test_a_choice_is_told_with_the_status(choice: bool | None, word: int) -> None:  # noqa: FBT001
    told: Message = enrollment_of(Standing(Status.ACTIVE, login_otp=choice), "20160003")
    assert isinstance(told, enrollment_pb2.Enrollment)
    assert told.login_otp == word


@pytest.mark.parametrize("needs", Needs)
def test_every_need_has_its_word(needs: Needs) -> None:
    told = requirement_of(Requirement(needs, has_token=False, cut_over=date(2027, 1, 15)))
    assert OtpRequirement.Name(told.requirement) == f"OTP_REQUIREMENT_{needs}"
    assert (told.has_token, told.cut_over_on) == (False, "2027-01-15")


def test_no_day_of_a_cut_over_is_no_text() -> None:
    assert not requirement_of(Requirement(Needs.OTP, has_token=True)).cut_over_on


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "".join(pair.columns))
def test_a_challenge_names_columns_in_their_order(pair: Any) -> None:  # noqa: ANN401 - a pair
    told = challenge_of(Challenge(CHALLENGE_ID, pair, AT))
    assert told.challenge_id == CHALLENGE_ID
    first, second = told.columns
    assert COLUMNS.index(first) < COLUMNS.index(second)
    assert told.answer_by.ToDatetime(tzinfo=UTC) == AT


@pytest.mark.parametrize("outcome", GridOutcome)
def test_every_outcome_of_an_answer_has_its_word(outcome: GridOutcome) -> None:
    told = grid_verdict_of(GridVerdict(outcome, 4))
    assert GridOutcomeWord.Name(told.outcome) == f"GRID_OUTCOME_{outcome}"
    assert told.attempts_left == 4
