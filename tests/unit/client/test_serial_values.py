# SPDX-License-Identifier: Apache-2.0
"""What is said of a registration, an exchange and a grid card: every word, and no more."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest

from kagimori_client import (
    AuthorityFault,
    EnrollmentStatus,
    GridAnswer,
    GridAnswerRejected,
    GridCardLocked,
    GridChallenge,
    InvalidRequest,
    KagimoriError,
    OtpRejected,
    OtpReplayed,
    Receipt,
    ReplacementReceipt,
    TokenLocked,
    TokenNotActive,
    TriesSpent,
    UnknownToken,
)
from kagimori_client.api.enrollment.v1 import (
    enrollment_pb2,
    grid_card_pb2,
    login_otp_pb2,
    registration_pb2,
)
from kagimori_client.api.types.v1 import types_pb2
from kagimori_client.grid import challenge_of, check_accepted, grid_message_of
from kagimori_client.registering import begun_of, chosen_of, receipt_of, replacement_of

ID: Final = UUID("0192b3c4-5d6e-7f80-9123-456789abcdef")
CHALLENGE: Final = UUID("0192b3c4-5d6e-7f80-9123-456789abcde0")
AT: Final = datetime(2003, 7, 16, 1, 35, 25, tzinfo=UTC)
RECEIPT: Final = types_pb2.Receipt(number="1234567", accepted_at=AT)
A_WORD_OF_A_LATER_DAY: Final = 99

TOKEN: Final = registration_pb2.REGISTRATION_PART_TOKEN
CARD: Final = registration_pb2.REGISTRATION_PART_GRID_CARD
CUSTOMER: Final = registration_pb2.REGISTRATION_PART_CUSTOMER


def registered(**fields: Any) -> Receipt:  # noqa: ANN401 - any field
    response = registration_pb2.RegisterTokenResponse(**fields)
    return receipt_of(response, ID, response.part)


@pytest.mark.parametrize(
    ("part", "outcome", "error"),
    [
        (TOKEN, types_pb2.OUTCOME_REJECTED, OtpRejected),
        (TOKEN, types_pb2.OUTCOME_REPLAYED, OtpReplayed),
        (TOKEN, types_pb2.OUTCOME_LOCKED, TokenLocked),
        (TOKEN, types_pb2.OUTCOME_NOT_ACTIVE, TokenNotActive),
        (TOKEN, types_pb2.OUTCOME_UNKNOWN_TOKEN, UnknownToken),
        (CARD, types_pb2.OUTCOME_REJECTED, GridAnswerRejected),
        (CARD, types_pb2.OUTCOME_LOCKED, GridCardLocked),
        (CUSTOMER, types_pb2.OUTCOME_LOCKED, TriesSpent),
    ],
)
def test_a_refusal_is_an_error_of_its_part(
    part: registration_pb2.RegistrationPart, outcome: types_pb2.Outcome, error: type[KagimoriError]
) -> None:
    with pytest.raises(KagimoriError) as refused:
        registered(part=part, outcome=outcome, attempts_left=3)
    assert type(refused.value) is error
    assert vars(refused.value)["attempts_left"] == 3
    assert refused.value.request_id == ID


@pytest.mark.parametrize(
    ("part", "outcome"),
    [
        (CARD, types_pb2.OUTCOME_UNKNOWN_TOKEN),
        (CUSTOMER, types_pb2.OUTCOME_REJECTED),
        (A_WORD_OF_A_LATER_DAY, types_pb2.OUTCOME_REJECTED),
        (TOKEN, A_WORD_OF_A_LATER_DAY),
        (TOKEN, types_pb2.OUTCOME_UNSPECIFIED),
    ],
)
def test_what_is_not_known_is_no_yes(part: int, outcome: int) -> None:
    with pytest.raises(AuthorityFault):
        registered(part=part, outcome=outcome)


def test_a_registration_without_a_receipt_is_no_yes() -> None:
    with pytest.raises(AuthorityFault):
        registered(outcome=types_pb2.OUTCOME_ACCEPTED)
    assert registered(outcome=types_pb2.OUTCOME_ACCEPTED, receipt=RECEIPT) == Receipt("1234567", AT)


def test_an_exchange_that_is_begun_says_until_when() -> None:
    begun = registration_pb2.BeginReplacementResponse(outcome=types_pb2.OUTCOME_ACCEPTED)
    with pytest.raises(AuthorityFault):
        begun_of(begun, ID)
    begun.complete_by.FromDatetime(AT)
    assert begun_of(begun, ID) == AT
    begun.outcome = types_pb2.OUTCOME_REJECTED
    with pytest.raises(OtpRejected):
        begun_of(begun, ID)


def test_an_exchange_names_both_tokens() -> None:
    done = registration_pb2.CompleteReplacementResponse(
        outcome=types_pb2.OUTCOME_ACCEPTED, receipt=RECEIPT, serial_before="2V0716016FK1"
    )
    with pytest.raises(AuthorityFault):
        replacement_of(done, ID)
    done.serial_after = "2V0716016FK2"
    receipt = replacement_of(done, ID)
    assert receipt == ReplacementReceipt("1234567", AT, "2V0716016FK2", "2V0716016FK1")
    # 受付番号 and 受付時刻 as a bank's guide shows them, in Japanese time.
    assert receipt.in_japanese() == (
        "受付番号 1234567 受付時刻 2003年07月16日 10時35分25秒 "
        "シリアル番号 変更後 2V0716016FK2 変更前 2V0716016FK1"
    )
    with pytest.raises(FrozenInstanceError):
        receipt.serial_after = "2V0716016FK3"  # type: ignore[misc] # frozen


@pytest.mark.parametrize("outcome", [types_pb2.OUTCOME_REJECTED, types_pb2.OUTCOME_UNKNOWN_TOKEN])
def test_an_exchange_that_is_refused_has_no_receipt(outcome: types_pb2.Outcome) -> None:
    refused = registration_pb2.CompleteReplacementResponse(
        outcome=outcome, receipt=RECEIPT, serial_after="A", serial_before="B", part=TOKEN
    )
    with pytest.raises((OtpRejected, UnknownToken)):
        replacement_of(refused, ID)


@pytest.mark.parametrize("said", [0, 2, A_WORD_OF_A_LATER_DAY])
def test_a_choice_that_the_answer_does_not_say_is_not_made(said: int) -> None:
    answer = enrollment_pb2.SetLoginOtpResponse()
    answer.enrollment.status = enrollment_pb2.ENROLLMENT_STATUS_ACTIVE
    answer.enrollment.login_otp = said  # type: ignore[assignment] # whatever the wire holds
    with pytest.raises(AuthorityFault):
        chosen_of(answer, login_otp=True)


def test_a_choice_goes_with_a_token_in_use() -> None:
    enrolled = enrollment_pb2.Enrollment(
        status=enrollment_pb2.ENROLLMENT_STATUS_ACTIVE, login_otp=login_otp_pb2.LOGIN_OTP_REQUIRED
    )
    answer = enrollment_pb2.SetLoginOtpResponse(enrollment=enrolled)
    told = chosen_of(answer, login_otp=True)
    assert (told.status, told.login_otp) == (EnrollmentStatus.ACTIVE, True)
    answer.enrollment.status = enrollment_pb2.ENROLLMENT_STATUS_NOT_REGISTERED
    with pytest.raises(AuthorityFault):
        chosen_of(answer, login_otp=True)


def test_a_challenge_asks_for_two_positions() -> None:
    asked = grid_card_pb2.CreateGridChallengeResponse(
        challenge_id=str(CHALLENGE), columns=["ウ", "カ"], answer_by=AT
    )
    assert challenge_of(asked) == GridChallenge(CHALLENGE, ("ウ", "カ"), AT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": ["ウ"]},
        {"columns": ["ウ", "カ", "ク"]},
        {"challenge_id": "4711"},
        {"answer_by": None},
    ],
    ids=["one", "three", "no-uuid", "no-time"],
)
def test_a_challenge_that_cannot_be_answered_is_the_authoritys_fault(wrong: dict[str, Any]) -> None:
    right = {"challenge_id": str(CHALLENGE), "columns": ["ウ", "カ"], "answer_by": AT}
    with pytest.raises(AuthorityFault):
        challenge_of(grid_card_pb2.CreateGridChallengeResponse(**{**right, **wrong}))


def test_what_a_customer_read_is_sent_as_typed_and_shown_to_nobody() -> None:
    answer = GridChallenge(CHALLENGE, ("ウ", "カ"), AT).answer("5224", " 082")
    assert grid_message_of(answer, ID) == grid_card_pb2.GridAnswer(
        challenge_id=str(CHALLENGE), first="5224", second=" 082"
    )
    assert "5224" not in repr(answer)
    assert "082" not in repr(answer)


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        (("5224", "7082"), "grid_answer"),
        (GridAnswer("4711", "5224", "7082"), "grid_answer"),  # type: ignore[arg-type] # on purpose
        (GridAnswer(CHALLENGE, 5224, "7082"), "grid_answer.first"),  # type: ignore[arg-type] # on purpose
        (GridAnswer(CHALLENGE, "5224", b"7082"), "grid_answer.second"),  # type: ignore[arg-type] # on purpose
    ],
    ids=["tuple", "challenge", "number", "octets"],
)
def test_what_can_be_no_answer_is_not_sent(answer: object, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        grid_message_of(answer, ID)
    assert refused.value.field == field
    assert "5224" not in str(refused.value)


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (grid_card_pb2.GRID_OUTCOME_REJECTED, GridAnswerRejected),
        (grid_card_pb2.GRID_OUTCOME_LOCKED, GridCardLocked),
        (grid_card_pb2.GRID_OUTCOME_UNSPECIFIED, AuthorityFault),
        (A_WORD_OF_A_LATER_DAY, AuthorityFault),
    ],
)
def test_only_accepted_is_an_answer_that_is_right(outcome: int, error: type[KagimoriError]) -> None:
    judged = grid_card_pb2.VerifyGridAnswerResponse(attempts_left=2)
    judged.outcome = outcome  # type: ignore[assignment] # whatever the wire holds
    with pytest.raises(error):
        check_accepted(judged, ID)
    judged.outcome = grid_card_pb2.GRID_OUTCOME_ACCEPTED
    check_accepted(judged, ID)
