# SPDX-License-Identifier: Apache-2.0
"""Tokens by serial number, from a customer's hand and back: the wire, the HSM, and oathtool."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from kagimori_client import (
    BankChannel,
    BankDesk,
    EnrollmentStatus,
    HardwareTokenDesk,
    InvalidRequest,
    KagimoriError,
    LiveToken,
    NotOffered,
    NoToken,
    Operation,
    OtpRejected,
    OtpReplayed,
    RequestIdReused,
    Requirement,
    TokenCondition,
    TokenLocked,
    TokenRegistrar,
    TriesSpent,
    UnknownToken,
)
from support.custody.hsm import MODULE
from support.served.serial_bank import CUT_OVER, SerialBank, request_id
from support.served.serial_names import HANAKO, PERIODS, SECOND, SERIAL, TARO
from support.tokens import OTHER_TENANT

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]


@pytest.mark.parametrize("period", PERIODS)
def test_a_token_from_stock_is_the_customers_by_its_serial_number_and_a_code(
    bank: SerialBank, page: TokenRegistrar, core: BankChannel, period: int
) -> None:
    device = bank.deliver(SERIAL, period=period)
    first, second = bank.shown(device, 0), bank.shown(device, 1)
    receipt = page.register_token(HANAKO, SERIAL, first, login_otp=True)
    assert len(receipt.number) >= 7
    enrolled = page.status(HANAKO)
    assert (enrolled.status, enrolled.serial) == (EnrollmentStatus.ACTIVE, SERIAL)
    assert enrolled.login_otp is True
    # What proved the token is spent by that.
    with pytest.raises(OtpReplayed):
        core.verify(first, subscriber_ref=HANAKO, operation=Operation.LOGIN)
    assert core.verify(second, subscriber_ref=HANAKO, operation=Operation.TRANSFER).number


def test_a_serial_number_that_nobody_can_have_gets_one_answer_whyever(
    bank: SerialBank, page: TokenRegistrar
) -> None:
    """Unknown, another bank's, another customer's, destroyed: and a code of the very token."""
    foreign = bank.deliver("SKTS00000001", tenant=OTHER_TENANT)
    bound = bank.registered(page, SECOND, TARO)
    broken = bank.deliver("SKTS00000002")
    counter = bank.connect(HardwareTokenDesk, "operator")
    counter.take_back("SKTS00000002", TokenCondition.DEFECTIVE)
    before = bank.kept()
    answers = {
        serial: refusal_of(
            lambda serial=serial, shown=shown: page.register_token(  # type: ignore[misc] # bound now
                HANAKO, serial, shown, login_otp=True
            )
        )
        for serial, shown in (
            ("SKTS00000009", "755224"),
            ("SKTS00000001", bank.shown(foreign, 0)),
            (SECOND, bank.shown(bound, 1)),
            ("SKTS00000002", bank.shown(broken, 0)),
        )
    }
    assert set(answers.values()) == {(UnknownToken, None)}
    assert bank.kept() == before


def refusal_of(call: Callable[[], object]) -> tuple[type[KagimoriError], object]:
    with pytest.raises(KagimoriError) as refused:
        call()
    return type(refused.value), getattr(refused.value, "attempts_left", None)


def test_wrong_codes_count_on_the_token_and_lock_it_for_everybody(
    bank: SerialBank, page: TokenRegistrar
) -> None:
    device = bank.deliver(SERIAL)
    left = []
    while True:
        try:
            page.register_token(HANAKO, SERIAL, bank.shown(device, 30), login_otp=True)
        except OtpRejected as wrong:
            left.append(wrong.attempts_left)
        except TokenLocked:
            break
    assert left == list(range(19, 0, -1))
    with pytest.raises(TokenLocked):
        page.register_token(TARO, SERIAL, bank.shown(device, 0), login_otp=True)
    row = bank.row(SERIAL)
    assert (row["state"], row["subscriber"]) == ("IN_STOCK", None)
    bank.connect(BankDesk, "operator").unlock(serial=SERIAL)
    assert page.register_token(TARO, SERIAL, bank.shown(device, 0), login_otp=True).number


def test_a_customer_has_so_many_tries_on_a_day(bank: SerialBank, page: TokenRegistrar) -> None:
    bank.rule(daily_tries=2)
    device = bank.deliver(SERIAL)
    for number in range(2):
        with pytest.raises(UnknownToken):
            page.register_token(HANAKO, f"SKTS0000000{number}", "755224", login_otp=True)
    with pytest.raises(TriesSpent) as spent:
        page.register_token(HANAKO, SERIAL, bank.shown(device, 0), login_otp=True)
    assert spent.value.attempts_left == 0
    # They are the customer's, and no other's.
    assert page.register_token(TARO, SERIAL, bank.shown(device, 0), login_otp=True).number


@pytest.mark.parametrize(
    "serial",
    [
        "",
        "2v0716016fk2",
        "２Ｖ０７１６０１６ＦＫ２",  # noqa: RUF001 - full-width on purpose
        "2V0716016FK",
        "2V0716016FK22",
        "2V0716016FK\n",
    ],
)
def test_a_serial_number_is_as_long_as_the_bank_says_and_in_half_width_capitals(
    bank: SerialBank, page: TokenRegistrar, serial: str
) -> None:
    old, new = bank.registered(page), bank.deliver(SECOND)
    page.begin_replacement(HANAKO, bank.shown(old, 1))
    before = bank.kept()
    attempts: list[Callable[[], object]] = [
        lambda: page.register_token(TARO, serial, bank.shown(new, 0), login_otp=True),
        lambda: page.complete_replacement(HANAKO, serial, bank.shown(new, 0)),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidRequest) as refused:
            attempt()
        assert refused.value.field == "serial"
        assert refused.value.reason == "must be 12 characters of [0-9A-Z]"
    assert bank.kept() == before
    tries = bank.database.run("SELECT subscriber FROM registrations WHERE day_tries > 0")
    assert not tries


def test_who_has_a_token_registers_no_second_one(bank: SerialBank, page: TokenRegistrar) -> None:
    bank.registered(page)
    new = bank.deliver(SECOND)
    before = bank.kept()
    with pytest.raises(LiveToken):
        page.register_token(HANAKO, SECOND, bank.shown(new, 0), login_otp=True)
    assert bank.kept() == before


def test_a_choice_must_be_made_where_it_is_the_customers(
    bank: SerialBank, page: TokenRegistrar
) -> None:
    device = bank.deliver(SERIAL)
    with pytest.raises(InvalidRequest) as refused:
        page.register_token(HANAKO, SERIAL, bank.shown(device, 0))
    assert refused.value.field == "login_otp"
    assert bank.row(SERIAL)["state"] == "IN_STOCK"


def test_a_login_needs_a_code_as_the_customer_chose_and_a_transfer_always(
    bank: SerialBank, page: TokenRegistrar, core: BankChannel
) -> None:
    bank.registered(page)
    assert core.requirement(HANAKO, Operation.LOGIN).needs is Requirement.OTP
    for _ in range(2):
        assert page.set_login_otp(HANAKO, login_otp=False).login_otp is False
    assert core.requirement(HANAKO, Operation.LOGIN).needs is Requirement.NONE
    for operation in (Operation.TRANSFER, Operation.BILL_PAYMENT):
        assert core.requirement(HANAKO, operation).needs is Requirement.OTP
    assert page.set_login_otp(HANAKO, login_otp=True).login_otp is True
    assert core.requirement(HANAKO, Operation.LOGIN).needs is Requirement.OTP


def test_who_has_no_token_chooses_nothing(bank: SerialBank, page: TokenRegistrar) -> None:
    with pytest.raises(NoToken):
        page.set_login_otp(HANAKO, login_otp=True)
    assert page.status(HANAKO).status is EnrollmentStatus.NOT_REGISTERED
    assert not bank.database.run("SELECT subscriber FROM registrations WHERE login_otp = 1")


def test_the_password_before_the_tokens_ends_on_its_day(
    bank: SerialBank, page: TokenRegistrar, core: BankChannel
) -> None:
    # By the calendar of the database's clock.
    for day, needs in (
        (date(9999, 12, 31), Requirement.NONE),
        (date(2003, 7, 16), Requirement.REGISTRATION),
    ):
        bank.rule(cut_over=day)
        for operation in (Operation.TRANSFER, Operation.BILL_PAYMENT):
            told = core.requirement(HANAKO, operation)
            assert (told.needs, told.has_token, told.cut_over) == (needs, False, day)
        assert core.requirement(HANAKO, Operation.LOGIN).needs is Requirement.NONE
    bank.registered(page)
    assert core.requirement(HANAKO, Operation.TRANSFER).needs is Requirement.OTP
    bank.rule(cut_over=CUT_OVER)
    assert core.requirement(HANAKO, Operation.TRANSFER).cut_over == CUT_OVER


def test_one_code_ends_the_use_of_a_token(
    bank: SerialBank, page: TokenRegistrar, core: BankChannel
) -> None:
    device = bank.registered(page)
    with pytest.raises(OtpRejected):
        page.terminate(HANAKO, bank.shown(device, 30))
    assert page.terminate(HANAKO, bank.shown(device, 1)).number
    assert page.status(HANAKO).status is EnrollmentStatus.NOT_REGISTERED
    with pytest.raises(UnknownToken):
        core.verify(bank.shown(device, 2), subscriber_ref=HANAKO, operation=Operation.TRANSFER)
    assert core.requirement(HANAKO, Operation.LOGIN).needs is Requirement.NONE
    with pytest.raises(NoToken):
        page.terminate(HANAKO, bank.shown(device, 2))
    # A hardware token is somebody else's next, and none of the codes that were spent.
    with pytest.raises(OtpReplayed):
        page.register_token(TARO, SERIAL, bank.shown(device, 1), login_otp=False)
    assert page.register_token(TARO, SERIAL, bank.shown(device, 2), login_otp=False).number
    assert page.status(TARO).login_otp is False


def test_every_call_gives_the_same_answer_under_the_same_request_id(
    bank: SerialBank, page: TokenRegistrar
) -> None:
    old, new = bank.deliver(SERIAL), bank.deliver(SECOND)
    calls: list[Callable[[], object]] = [
        lambda: page.register_token(
            HANAKO, SERIAL, bank.shown(old, 0), login_otp=True, request_id=request_id(1)
        ),
        lambda: page.begin_replacement(HANAKO, bank.shown(old, 1), request_id=request_id(2)),
        lambda: page.complete_replacement(
            HANAKO, SECOND, bank.shown(new, 0), request_id=request_id(3)
        ),
        lambda: page.terminate(HANAKO, bank.shown(new, 1), request_id=request_id(4)),
    ]
    for call in calls:
        first = call()
        rows = bank.kept()
        assert [call(), call()] == [first, first]
        assert bank.kept() == rows


def test_another_wish_under_the_same_request_id_is_refused(
    bank: SerialBank, page: TokenRegistrar
) -> None:
    device = bank.deliver(SERIAL)
    shown = bank.shown(device, 0)
    page.register_token(HANAKO, SERIAL, shown, login_otp=True, request_id=request_id(1))
    before = bank.kept()
    attempts: list[Callable[[], object]] = [
        lambda: page.register_token(
            HANAKO, SERIAL, shown, login_otp=False, request_id=request_id(1)
        ),
        lambda: page.register_token(TARO, SERIAL, shown, login_otp=True, request_id=request_id(1)),
        lambda: page.terminate(HANAKO, bank.shown(device, 1), request_id=request_id(1)),
    ]
    for attempt in attempts:
        with pytest.raises(RequestIdReused):
            attempt()
    assert bank.kept() == before
    assert page.status(HANAKO).login_otp is True


def test_a_bank_whose_tokens_come_by_mail_offers_none_of_it(
    bank: SerialBank, page: TokenRegistrar
) -> None:
    device = bank.registered(page)
    bank.offer_nothing()
    before = bank.kept()
    attempts: list[Callable[[], object]] = [
        lambda: page.register_token(TARO, SERIAL, "755224", login_otp=True),
        lambda: page.begin_replacement(HANAKO, bank.shown(device, 1)),
        lambda: page.complete_replacement(HANAKO, SECOND, "755224"),
        lambda: page.terminate(HANAKO, bank.shown(device, 1)),
        lambda: page.set_login_otp(HANAKO, login_otp=False),
        lambda: page.create_grid_challenge(HANAKO),
    ]
    for attempt in attempts:
        with pytest.raises(NotOffered):
            attempt()
    assert bank.kept() == before
