# SPDX-License-Identifier: Apache-2.0
"""A request that can be right becomes a question; every other names its field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1.verification_pb2 import (
    ResynchronizeTokenRequest,
    ResyncOutcome,
    VerifyOtpRequest,
)
from kagimori.application.ports import BySerial, BySubscriber
from kagimori.domain.errors import InvalidField
from kagimori.domain.outcome import Outcome, Receipt, Verdict
from kagimori.domain.policy import Operation
from kagimori.transport.mapping import (
    answer_of,
    pair_of,
    question_of,
    request_id_of,
    resync_answer_of,
)

REQUEST_ID = "0192b3c4-5d6e-7f80-9123-456789abcdef"
RIGHT: dict[str, Any] = {
    "request_id": REQUEST_ID,
    "subscriber_ref": "4711",
    "operation": types_pb2.OPERATION_LOGIN,
    "code": "755224",
}
WRONG = [
    ("request_id", ""),
    ("request_id", "4711"),
    ("request_id", REQUEST_ID.upper()),
    ("request_id", REQUEST_ID.replace("-", "")),
    ("request_id", f"{{{REQUEST_ID}}}"),
    ("request_id", f"{REQUEST_ID}\n"),
    ("request_id", "00000000-0000-0000-0000-000000000000"),
    ("subscriber_ref", ""),
    ("subscriber_ref", "x" * 65),
    ("subscriber_ref", "47\x0011"),
    ("subscriber_ref", "4711\n"),
    ("subscriber_ref", "47\u202e11"),
    ("serial", ""),
    ("serial", "A" * 33),
    ("serial", "skts00000001"),
    ("serial", "SKTS 0000001"),
    ("serial", "ＳＫＴＳ"),  # noqa: RUF001 - full-width on purpose
    ("operation", types_pb2.OPERATION_UNSPECIFIED),
    ("operation", 4),
    ("code", ""),
    ("code", "75522"),
    ("code", "12847552240"),
    ("code", " 755224"),
    ("code", "755224 "),
    ("code", "755 224"),
    ("code", "７５５２２４"),  # noqa: RUF001 - full-width on purpose
    ("code", "٧٥٥٢٢٤"),
    ("code", "+755224"),
    ("code", "-55224"),
    ("code", "755224\x00"),
    ("code", "755224\n"),
    ("code", "0x1234"),
]


def test_reads_a_right_request() -> None:
    assert request_id_of(VerifyOtpRequest(**RIGHT)) == REQUEST_ID
    question = question_of(VerifyOtpRequest(**RIGHT))
    assert question.subject == BySubscriber("4711")
    assert question.operation is Operation.LOGIN
    assert question.code.reveal() == "755224"


def test_reads_a_serial_and_the_other_operations() -> None:
    serial = {**RIGHT, "serial": "2V0716016FK2"}
    del serial["subscriber_ref"]
    for number, operation in (
        (types_pb2.OPERATION_TRANSFER, Operation.TRANSFER),
        (types_pb2.OPERATION_BILL_PAYMENT, Operation.BILL_PAYMENT),
    ):
        question = question_of(VerifyOtpRequest(**{**serial, "operation": number}))
        assert question.subject == BySerial("2V0716016FK2")
        assert question.operation is operation


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_names_the_wrong_field_and_not_its_value(field: str, value: Any) -> None:  # noqa: ANN401
    read = request_id_of if field == "request_id" else question_of
    with pytest.raises(InvalidField) as refused:
        read(request(field, value))
    assert refused.value.field == field
    assert not value or str(value) not in str(refused.value)


def test_a_subject_is_required() -> None:
    unnamed = {name: value for name, value in RIGHT.items() if name != "subscriber_ref"}
    with pytest.raises(InvalidField) as refused:
        question_of(VerifyOtpRequest(**unnamed))
    assert refused.value.field == "subject"


def test_a_question_shows_neither_code_nor_subscriber() -> None:
    shown = repr(question_of(VerifyOtpRequest(**RIGHT)))
    assert "755224" not in shown
    assert "4711" not in shown


@given(st.one_of(st.text(), st.from_regex(r"\d{5,11}", fullmatch=True)))
def test_only_ascii_digits_are_a_code(text: str) -> None:
    good = 6 <= len(text) <= 10 and all(character in "0123456789" for character in text)
    if good:
        assert question_of(request("code", text)).code.reveal() == text
        return
    with pytest.raises(InvalidField) as refused:
        question_of(request("code", text))
    assert refused.value.field == "code"


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.SYNCHRONIZED}))
def test_every_outcome_has_its_word(outcome: Outcome) -> None:
    answer = answer_of(Verdict(outcome, attempts_left=3))
    assert types_pb2.Outcome.Name(answer.outcome) == f"OUTCOME_{outcome.value}"
    assert answer.attempts_left == 3
    assert not answer.HasField("receipt")


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.ACCEPTED, Outcome.REPLAYED}))
def test_every_outcome_of_two_codes_has_its_word(outcome: Outcome) -> None:
    answer = resync_answer_of(Verdict(outcome, attempts_left=3))
    assert ResyncOutcome.Name(answer.outcome) == f"RESYNC_OUTCOME_{outcome.value}"
    assert answer.attempts_left == 3


def test_what_is_unknown_has_no_attempts_left() -> None:
    assert not resync_answer_of(Verdict(Outcome.UNKNOWN_TOKEN)).HasField("attempts_left")


def test_a_resynchronisation_is_never_told_as_an_acceptance_nor_the_other_way_round() -> None:
    with pytest.raises(KeyError):
        answer_of(Verdict(Outcome.SYNCHRONIZED, attempts_left=3))
    for outcome in (Outcome.ACCEPTED, Outcome.REPLAYED):
        with pytest.raises(KeyError):
            resync_answer_of(Verdict(outcome, attempts_left=3))
    words = " ".join(ResyncOutcome.DESCRIPTOR.values_by_name)
    assert "ACCEPTED" not in words
    assert "REPLAYED" not in words


PAIR: dict[str, Any] = {
    "request_id": REQUEST_ID,
    "serial": "2V0716016FK2",
    "first_code": "1284755224",
    "second_code": "1094287082",
}


def test_reads_two_codes_in_their_order() -> None:
    request = ResynchronizeTokenRequest(**PAIR)
    assert request_id_of(request) == REQUEST_ID
    pair = pair_of(request)
    assert pair.subject == BySerial("2V0716016FK2")
    assert (pair.first.reveal(), pair.second.reveal()) == ("1284755224", "1094287082")
    assert "1284755224" not in repr(pair)


@pytest.mark.parametrize("field", ["first_code", "second_code"])
@pytest.mark.parametrize("value", [value for field, value in WRONG if field == "code"])
def test_names_the_wrong_code_of_two(field: str, value: str) -> None:
    with pytest.raises(InvalidField) as refused:
        pair_of(ResynchronizeTokenRequest(**{**PAIR, field: value}))
    assert refused.value.field == field
    assert not value or value not in str(refused.value)


def test_attempts_that_are_not_told_are_absent_and_zero_is_present() -> None:
    assert not answer_of(Verdict(Outcome.UNKNOWN_TOKEN)).HasField("attempts_left")
    assert answer_of(Verdict(Outcome.LOCKED, attempts_left=0)).HasField("attempts_left")


def test_a_receipt_keeps_its_number_and_its_instant() -> None:
    tokyo = timezone(timedelta(hours=9))
    at = datetime(2003, 7, 16, 10, 35, 25, 250_000, tzinfo=tokyo)
    answer = answer_of(Verdict(Outcome.ACCEPTED, Receipt(42, at)))
    assert answer.receipt.number == "0000042"
    assert answer.receipt.accepted_at.ToDatetime(tzinfo=UTC) == at


def request(field: str, value: Any) -> VerifyOtpRequest:  # noqa: ANN401 - text or number
    fields = {**RIGHT, field: value}
    if field == "serial":
        del fields["subscriber_ref"]
    return VerifyOtpRequest(**fields)
