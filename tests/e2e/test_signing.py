# SPDX-License-Identifier: Apache-2.0
"""取引確認 at 熊本県信用組合: what is carried out is what the phone has shown, whole and real."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from conftest import moved
from development import openssl_ocra
from development.environment import Environment
from development.kumamoto import Journey
from development.phone import sign_at_a_terminal
from development.server import ServerProcess
from development.signing import (
    ANOTHER_BANK,
    KUMAMOTO,
    ONE_YEN_MORE,
    OTHER_WAGES,
    RENT,
    THE_THIEFS,
    WAGES,
    Bank,
    Customer,
    bank_of,
    typed_of,
)
from development.stage import Stage
from kagimori_client import (
    AccountType,
    ChallengeOver,
    NotOffered,
    Operation,
    OtpRejected,
    OtpReplayed,
    Requirement,
    SigningProfile,
    TokenLocked,
    Transaction,
    TransactionChallenge,
    TransactionChanged,
    Transfer,
)
from support.served.serial_town import Town, files_that_hold, number_of, refused, town_at

TYPED = SigningProfile.TYPED

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def town(provisioned: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    place = moved(provisioned, tmp_path_factory.mktemp("signing") / "authority")
    with town_at(place) as town:
        yield town


@pytest.fixture(scope="module")
def bank(town: Town) -> Iterator[Bank]:
    with bank_of(Stage(), town.place, town.profile) as bank:
        yield bank


@pytest.fixture
def customer(bank: Bank) -> Customer:
    return bank.customer(fresh())


def fresh() -> str:
    """Return the number of a customer whom nobody else has."""
    return f"signer-{next(_numbers):07d}"


def token_of(town: Town, customer: Customer) -> tuple[object, ...]:
    """Return what a customer's token has spent."""
    columns = "last_step, drift, failures, day_failures, state"
    (row,) = town.rows(
        f"SELECT {columns} FROM tokens WHERE tenant = ? AND subscriber = ?",  # noqa: S608 - our own
        KUMAMOTO,
        customer.subscriber,
    )
    return row


def state_of(town: Town, challenge: TransactionChallenge) -> object:
    ((state,),) = town.rows(
        "SELECT state FROM challenges WHERE challenge_id = ?", str(challenge.challenge_id)
    )
    return state


@pytest.mark.slow
def test_the_scene_can_be_played_from_its_first_line_to_its_last(town: Town) -> None:
    stage = Stage()
    with (
        bank_of(stage, town.place, town.profile) as bank,
        bank_of(stage, town.place, town.profile, ANOTHER_BANK) as elsewhere,
    ):
        Journey(bank, elsewhere, fresh(), fresh()).walk()
    assert stage.failed == 0
    assert stage.passed > 50


def test_a_transfer_is_shown_signed_and_written_down_by_its_digest_alone(
    town: Town, bank: Bank, customer: Customer
) -> None:
    challenge = customer.ask(RENT)
    assert challenge.text == Transaction((RENT,)).encoded(KUMAMOTO, str(challenge.challenge_id))
    screen = sign_at_a_terminal(customer.phone, challenge.text)
    for word in ("熊本県信用組合", "ﾔﾏﾀﾞ ﾊﾅｺ", "銀行 0310  支店 001", "普通 0004242", "150,000 円"):
        assert word in screen.shown
    assert screen.code == customer.phone.openssl_signs(challenge.text)
    digest = openssl_ocra.sha256sum(challenge.text)
    before = token_of(town, customer)
    receipt = customer.offering(screen.code, challenge, RENT)()
    assert receipt.transaction_digest == challenge.transaction_digest == digest
    assert token_of(town, customer) == before
    audited = town.rows(
        "SELECT operation, outcome, transaction_digest FROM audit"
        " WHERE tenant = ? AND action = 'VERIFY' AND receipt_number = ?",
        bank.service_id,
        int(receipt.number),
    )
    assert audited == [("SIGNATURE", "ACCEPTED", digest)]
    assert state_of(town, challenge) == "USED"


@pytest.mark.parametrize(
    "other",
    [
        ONE_YEN_MORE,
        THE_THIEFS,
        replace(RENT, bank_code="0311"),
        replace(RENT, branch_code="002"),
        replace(RENT, account_type=AccountType.SAVINGS),
        replace(RENT, account_number="0004243"),
        replace(RENT, payee_name="ﾔﾏﾀﾞ ﾊﾅﾖ"),
        replace(RENT, reference=""),
    ],
    ids=["yen", "payee", "bank", "branch", "type", "account", "name", "reference"],
)
def test_a_transfer_changed_in_one_place_is_refused_wherever_it_is_changed(
    town: Town, customer: Customer, other: Transfer
) -> None:
    challenge, misled = customer.trap(RENT, other)
    right, before = customer.sign(challenge), token_of(town, customer)
    for code in (right, misled):
        refused(TransactionChanged, customer.offering(code, challenge, other))
    assert token_of(town, customer) == before
    wrong = refused(OtpRejected, customer.offering(misled, challenge, RENT))
    assert isinstance(wrong, OtpRejected)
    assert wrong.attempts_left == 4
    assert state_of(town, challenge) == "OPEN"
    number_of(customer.offering(right, challenge, RENT))


def test_wages_are_signed_as_they_are_shown_and_in_no_other_way(customer: Customer) -> None:
    challenge = customer.ask(*WAGES)
    screen = sign_at_a_terminal(customer.phone, challenge.text or "")
    words = ("1000001", "210,000 円", "1000002", "198,500 円", "1000003", "243,210 円")
    assert all(word in screen.shown for word in (*words, "3 件", "651,710 円"))
    for other in OTHER_WAGES.values():
        refused(TransactionChanged, customer.offering(screen.code, challenge, *other))
    number_of(customer.offering(screen.code, challenge, *WAGES))
    refused(ChallengeOver, customer.offering(screen.code, challenge, *WAGES))


def test_a_signature_that_was_accepted_stays_spent_when_the_server_is_killed(
    place: Environment,
) -> None:
    with town_at(place) as town, bank_of(Stage(), place, town.profile) as bank:
        customer = bank.customer(fresh())
        challenge, request_id = customer.ask(RENT), uuid.uuid4()
        code = customer.sign(challenge)
        offered = customer.offering(code, challenge, RENT, request_id=request_id)
        receipt = offered()
        town.server.kill()
        with ServerProcess(place):
            assert offered() == receipt
            refused(ChallengeOver, customer.offering(code, challenge, RENT))
            second = customer.ask_apart({code}, RENT)
            refused(OtpRejected, customer.offering(code, second, RENT))
            number_of(customer.offering(customer.sign(second), second, RENT))


def test_a_challenge_whose_minutes_are_over_is_over(town: Town, customer: Customer) -> None:
    challenge, before = customer.ask(RENT), token_of(town, customer)
    customer.expire(challenge)
    refused(ChallengeOver, customer.offering(customer.sign(challenge), challenge, RENT))
    assert token_of(town, customer) == before


def test_a_challenge_is_nobody_elses(town: Town, bank: Bank, customer: Customer) -> None:
    other = bank.customer(fresh())
    mine, theirs = customer.ask(RENT), other.ask(RENT)
    before = token_of(town, customer), token_of(town, other)
    for code in (customer.sign(mine), other.sign(mine)):
        refused(ChallengeOver, other.offering(code, mine, RENT))
    refused(ChallengeOver, customer.offering(customer.sign(theirs), theirs, RENT))
    assert (token_of(town, customer), token_of(town, other)) == before
    number_of(customer.offering(customer.sign(mine), mine, RENT))
    number_of(other.offering(other.sign(theirs), theirs, RENT))


def test_a_phone_that_is_given_up_answers_nothing(bank: Bank, customer: Customer) -> None:
    challenge = customer.ask(RENT)
    code = customer.sign(challenge)
    bank.page.deregister(customer.subscriber)
    refused(ChallengeOver, customer.offering(code, challenge, RENT))


def test_what_is_typed_is_bound_to_account_amount_and_moment(customer: Customer) -> None:
    challenge = customer.ask(RENT, profile=TYPED)
    account, amount = typed_of(challenge)
    assert (account, amount) == ("0004242", "150000")
    for code in customer.mistyped(challenge):
        refused(OtpRejected, customer.offering(code, challenge, RENT))
    code = customer.phone.sign_typed(account, amount)
    refused(TransactionChanged, customer.offering(code, challenge, ONE_YEN_MORE))
    number_of(customer.offering(code, challenge, RENT))
    second = customer.ask(RENT, profile=TYPED)
    refused(OtpReplayed, customer.offering(code, second, RENT))
    later = customer.phone.sign_typed(account, amount, openssl_ocra.PERIOD)
    number_of(customer.offering(later, second, RENT))


def test_neither_kind_of_code_does_for_the_other(customer: Customer) -> None:
    logins = customer.logins()
    challenge = customer.ask_apart(logins, RENT)
    for login in logins[2:5]:
        refused(OtpRejected, customer.offering(login, challenge, RENT))
    signature = customer.sign(challenge)
    number_of(customer.offering(signature, challenge, RENT))
    refused(OtpRejected, customer.logging_in(signature))
    number_of(customer.logging_in(customer.phone.code(1)))


def test_guesses_at_a_signature_and_at_a_login_are_counted_together(
    bank: Bank, customer: Customer
) -> None:
    challenge = customer.ask(RENT)
    wrong = customer.wrong_codes(challenge, 5)
    for guess in wrong[:2]:
        refused(OtpRejected, customer.logging_in(guess))
    for guess in wrong[2:4]:
        refused(OtpRejected, customer.offering(guess, challenge, RENT))
    refused(TokenLocked, customer.offering(wrong[4], challenge, RENT))
    right, login = customer.sign(challenge), customer.logging_in(customer.phone.code(1))
    refused(TokenLocked, customer.offering(right, challenge, RENT))
    refused(TokenLocked, login)
    told = bank.core.requirement(customer.subscriber, Operation.TRANSFER)
    assert told.needs is Requirement.SIGNATURE
    bank.desk.unlock(customer.subscriber)
    number_of(customer.offering(right, challenge, RENT))
    number_of(login)


def test_from_the_banks_amount_on_a_transfer_is_signed(bank: Bank, customer: Customer) -> None:
    asked = partial(bank.core.requirement, customer.subscriber)
    needs = {
        amount: asked(Operation.TRANSFER, amount=amount).needs
        for amount in (1, 99_999, 100_000, 10_000_000, None)
    }
    assert needs == {
        1: Requirement.OTP,
        99_999: Requirement.OTP,
        100_000: Requirement.SIGNATURE,
        10_000_000: Requirement.SIGNATURE,
        None: Requirement.SIGNATURE,
    }
    assert asked(Operation.LOGIN).needs is Requirement.OTP
    assert asked(Operation.LOGIN).can_sign


@pytest.mark.parametrize("service_id", ["10112001", "10112004", "20160002", "20160003"])
def test_no_other_bank_offers_it(town: Town, service_id: str) -> None:
    with bank_of(Stage(), town.place, town.profile, service_id) as other:
        ask = other.core.create_transaction_challenge
        for profile in SigningProfile:
            asked = partial(ask, Transaction((RENT,)), subscriber_ref="4711", profile=profile)
            refused(NotOffered, asked)


def test_what_is_paid_to_whom_is_in_no_log_and_no_database(town: Town, customer: Customer) -> None:
    secret = Transfer(
        "0777", "123", AccountType.ORDINARY, "7310462", "ﾋﾐﾂ ﾉﾋﾄ", 7_654_321, "ﾋﾐﾂﾉ ﾖｳｹﾝ"
    )
    challenge, misled = customer.trap(secret, RENT)
    code = customer.sign(challenge)
    refused(TransactionChanged, customer.offering(code, challenge, RENT))
    refused(OtpRejected, customer.offering(misled, challenge, secret))
    number_of(customer.offering(code, challenge, secret))
    town.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    seeds = [form for seed in customer.phone.drawn for form in (seed, seed.hex().encode())]
    # Bare digits could be a part of a number that means something else.
    forms = ("7310462 7654321", '"7310462"', '"7654321"', ":7654321", "7,654,321")
    paid = [form.encode() for form in ("ﾋﾐﾂ", *forms)]
    assert files_that_hold(town.place.directory, seeds + paid) == []
    said = [f'"{word}"'.encode() for word in (code, misled, customer.subscriber)]
    logs = [path for path in files_that_hold(town.place.directory, said) if path.suffix == ".log"]
    assert logs == []
    # It was looked for where it would be.
    digest = challenge.transaction_digest.encode()
    assert files_that_hold(town.place.directory, [digest]) == [town.place.database]
