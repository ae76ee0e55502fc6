# SPDX-License-Identifier: Apache-2.0
"""お客様カード at a registration, and an exchange that two of the staff agree on: the whole way."""

from __future__ import annotations

from typing import Any

import pytest

from development import oathtool
from development.vendor import Device
from kagimori_client import (
    BankChannel,
    BankDesk,
    ChallengeOver,
    EnrollmentStatus,
    GridAnswerRejected,
    GridCardLocked,
    InvalidRequest,
    NoGridCard,
    NotLocked,
    OtpRejected,
    ReplacementDesk,
    ReplacementReason,
    RequestIdReused,
    TokenLocked,
    TokenRegistrar,
    UnknownToken,
)
from kagimori_client.api.enrollment.v1 import enrollment_pb2_grpc, grid_card_pb2
from support.custody.hsm import MODULE
from support.served.serial_bank import Card, SerialBank, request_id
from support.served.serial_names import HANAKO
from support.tokens import OTHER_TENANT

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

SERIAL, SECOND = "SKTS00000001", "SKTS00000002"


@pytest.fixture
def page(bank: SerialBank) -> TokenRegistrar:
    return bank.connect(TokenRegistrar, "registrar", OTHER_TENANT)


@pytest.fixture
def staff(bank: SerialBank) -> BankDesk:
    return bank.connect(BankDesk, "operator", OTHER_TENANT)


@pytest.fixture
def card(bank: SerialBank) -> Card:
    return bank.print_card(HANAKO)


@pytest.fixture
def device(bank: SerialBank) -> Device:
    return bank.deliver(SERIAL, tenant=OTHER_TENANT)


def row_of_card(bank: SerialBank) -> dict[str, Any]:
    (row,) = bank.database.run("SELECT * FROM grid_cards")
    return dict(row)


def test_card_and_token_together_are_a_registration(
    bank: SerialBank, page: TokenRegistrar, card: Card, device: Device
) -> None:
    answer = card.answer(page.create_grid_challenge(HANAKO))
    shown = oathtool.event_code(device, 0)
    receipts = [
        page.register_token(
            HANAKO, SERIAL, shown, login_otp=True, grid_answer=answer, request_id=request_id(1)
        )
        for _ in range(2)
    ]
    assert receipts[0] == receipts[1]
    enrolled = page.status(HANAKO)
    assert (enrolled.status, enrolled.serial) == (EnrollmentStatus.ACTIVE, SERIAL)
    core = bank.connect(BankChannel, "channel", OTHER_TENANT)
    assert core.verify(oathtool.event_code(device, 1), subscriber_ref=HANAKO).number


def test_a_wrong_answer_looks_at_no_code_and_asks_for_the_same_again(
    bank: SerialBank, page: TokenRegistrar, card: Card, device: Device
) -> None:
    challenge = page.create_grid_challenge(HANAKO)
    assert page.create_grid_challenge(HANAKO) == challenge
    shown = oathtool.event_code(device, 0)
    with pytest.raises(GridAnswerRejected) as refused:
        page.register_token(
            HANAKO, SERIAL, shown, login_otp=True, grid_answer=card.wrong(challenge)
        )
    assert refused.value.attempts_left == 4
    row = bank.row(SERIAL)
    assert (row["state"], row["failures"], row["subscriber"]) == ("IN_STOCK", 0, None)
    # Answered once, it is over; the next one asks for the same.
    with pytest.raises(ChallengeOver):
        page.register_token(
            HANAKO, SERIAL, shown, login_otp=True, grid_answer=card.answer(challenge)
        )
    again = page.create_grid_challenge(HANAKO)
    assert again.challenge_id != challenge.challenge_id
    assert again.columns == challenge.columns
    answer = card.answer(again)
    assert page.register_token(HANAKO, SERIAL, shown, login_otp=True, grid_answer=answer).number
    assert page.create_grid_challenge(HANAKO).columns != challenge.columns


def test_a_wrong_code_after_a_right_answer_is_the_tokens_matter(
    page: TokenRegistrar, card: Card, device: Device
) -> None:
    answer = card.answer(page.create_grid_challenge(HANAKO))
    with pytest.raises(OtpRejected):
        page.register_token(
            HANAKO, SERIAL, oathtool.event_code(device, 30), login_otp=True, grid_answer=answer
        )
    assert page.status(HANAKO).status is EnrollmentStatus.NOT_REGISTERED


def test_an_answer_of_one_cell_or_of_none_is_no_answer(
    bank: SerialBank, page: TokenRegistrar, card: Card, device: Device
) -> None:
    challenge = page.create_grid_challenge(HANAKO)
    shown, before = oathtool.event_code(device, 0), row_of_card(bank)
    one_cell = challenge.answer(card.cell(challenge.columns[0]), "")
    for answer, field in ((one_cell, "grid_answer.second"), (None, "grid_answer")):
        with pytest.raises(InvalidRequest) as refused:
            page.register_token(HANAKO, SERIAL, shown, login_otp=True, grid_answer=answer)
        assert refused.value.field == field
    assert row_of_card(bank) == before
    assert bank.row(SERIAL)["state"] == "IN_STOCK"


def test_wrong_answers_lock_the_card_until_staff_unlock_it(
    page: TokenRegistrar, staff: BankDesk, card: Card
) -> None:
    left = []
    for _ in range(4):
        with pytest.raises(GridAnswerRejected) as refused:
            page.verify_grid_answer(HANAKO, card.wrong(page.create_grid_challenge(HANAKO)))
        left.append(refused.value.attempts_left)
    assert left == [4, 3, 2, 1]
    with pytest.raises(GridCardLocked) as locked:
        page.verify_grid_answer(HANAKO, card.wrong(page.create_grid_challenge(HANAKO)))
    assert locked.value.attempts_left == 0
    with pytest.raises(GridCardLocked):
        page.verify_grid_answer(HANAKO, card.answer(page.create_grid_challenge(HANAKO)))
    staff.unlock_grid_card(HANAKO)
    page.verify_grid_answer(HANAKO, card.answer(page.create_grid_challenge(HANAKO)))
    with pytest.raises(NotLocked):
        staff.unlock_grid_card(HANAKO)


def test_an_answer_under_the_same_request_id_is_judged_once(
    page: TokenRegistrar, card: Card
) -> None:
    challenge = page.create_grid_challenge(HANAKO)
    for _ in range(2):
        page.verify_grid_answer(HANAKO, card.answer(challenge), request_id=request_id(1))
    with pytest.raises(RequestIdReused):
        page.verify_grid_answer(HANAKO, card.wrong(challenge), request_id=request_id(1))
    with pytest.raises(ChallengeOver):
        page.verify_grid_answer(HANAKO, card.answer(challenge), request_id=request_id(2))


def test_who_has_no_card_is_asked_for_nothing(page: TokenRegistrar, staff: BankDesk) -> None:
    with pytest.raises(NoGridCard):
        page.create_grid_challenge(HANAKO)
    with pytest.raises(NoGridCard):
        staff.unlock_grid_card(HANAKO)


def test_no_answer_of_the_authority_holds_what_stands_on_a_card() -> None:
    fields = {
        field.name
        for message in (
            grid_card_pb2.CreateGridChallengeResponse,
            grid_card_pb2.VerifyGridAnswerResponse,
            grid_card_pb2.UnlockGridCardResponse,
        )
        for field in message.DESCRIPTOR.fields
    }
    assert fields == {"challenge_id", "columns", "answer_by", "outcome", "attempts_left"}
    assert hasattr(enrollment_pb2_grpc.EnrollmentServiceServicer, "CreateGridChallenge")


def test_two_of_the_staff_let_a_customer_exchange_a_token_that_is_locked(
    bank: SerialBank, page: TokenRegistrar, card: Card, device: Device
) -> None:
    answer = card.answer(page.create_grid_challenge(HANAKO))
    first = oathtool.event_code(device, 0)
    page.register_token(HANAKO, SERIAL, first, login_otp=True, grid_answer=answer)
    core = bank.connect(BankChannel, "channel", OTHER_TENANT)
    for _ in range(4):
        with pytest.raises(OtpRejected):
            core.verify(oathtool.event_code(device, 30), subscriber_ref=HANAKO)
    with pytest.raises(TokenLocked):
        core.verify(oathtool.event_code(device, 30), subscriber_ref=HANAKO)

    suzuki = bank.connect(ReplacementDesk, "operator", OTHER_TENANT, name="suzuki")
    tanaka = bank.connect(ReplacementDesk, "operator", OTHER_TENANT, name="tanaka")
    proposed = suzuki.propose(HANAKO, ReplacementReason.BROKEN)
    tanaka.approve(proposed.proposal_id, HANAKO)
    new = bank.deliver(SECOND, tenant=OTHER_TENANT)
    receipt = page.complete_replacement(HANAKO, SECOND, oathtool.event_code(new, 0))
    assert (receipt.serial_after, receipt.serial_before) == (SECOND, SERIAL)
    # Nobody has the old one in hand: it is nobody's for good.
    row = bank.row(SERIAL)
    assert (row["state"], row["subscriber"], bytes(row["blob"])) == ("RETIRED", None, b"")
    with pytest.raises(UnknownToken):
        core.verify(oathtool.event_code(device, 1), serial=SERIAL)
    assert core.verify(oathtool.event_code(new, 1), subscriber_ref=HANAKO).number
