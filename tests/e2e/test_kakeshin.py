# SPDX-License-Identifier: Apache-2.0
"""かけしん: tokens of the app, registered by serial number, whole and real."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import partial

import pytest

from conftest import moved
from development.environment import Environment
from development.family_b import ABUKUMA, KAKESHIN, Branch, Customer
from development.in_hand import AppInHand
from development.kakeshin import Journey
from development.server import ServerProcess
from kagimori_client import (
    EnrollmentStatus,
    Operation,
    OtpRejected,
    OtpReplayed,
    ProposalOver,
    ReplacementNotBegun,
    ReplacementReason,
    Requirement,
    SamePerson,
    TokenLocked,
    TriesSpent,
    UnknownProposal,
    UnknownToken,
)
from support.served.serial_town import (
    Town,
    files_that_hold,
    fresh_customer,
    fresh_name,
    fresh_serial,
    number_of,
    refused,
    town_at,
)

BROKEN = ReplacementReason.BROKEN


@pytest.fixture(scope="module")
def town(provisioned: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    place = moved(provisioned, tmp_path_factory.mktemp("kakeshin") / "authority")
    with town_at(place) as town:
        yield town


@pytest.fixture(scope="module")
def branch(town: Town) -> Branch:
    return town.branch(KAKESHIN)


@pytest.fixture
def customer(branch: Branch) -> Customer:
    return fresh_customer(branch)


@pytest.fixture
def phone(branch: Branch) -> AppInHand:
    return branch.phone(fresh_name())


def registered(customer: Customer, phone: AppInHand, *, login_otp: bool = True) -> AppInHand:
    """Return the phone, in use."""
    number_of(customer.registering(phone.serial, phone.show(), login_otp=login_otp))
    return phone


@pytest.mark.slow
def test_the_guide_can_be_walked_from_its_first_page_to_its_last(town: Town) -> None:
    branch = town.branch(KAKESHIN)
    Journey(branch, fresh_customer(branch)).walk()
    assert branch.stage.failed == 0
    assert branch.stage.passed > 50


def test_what_the_app_shows_makes_the_token_the_customers(
    town: Town, customer: Customer, phone: AppInHand
) -> None:
    page, core = customer.branch.page, customer.branch.core
    before = town.rows(
        "SELECT subscriber, state, not_after FROM tokens WHERE serial = ?", phone.serial
    )
    ((holder, state, not_after),) = before
    assert (holder, state) == (None, "IN_STOCK")
    assert not_after is not None
    code = phone.show()
    number_of(customer.registering(phone.serial, code, login_otp=False))
    told = page.status(customer.subscriber)
    assert (told.status, told.serial) == (EnrollmentStatus.ACTIVE, phone.serial)
    assert told.login_otp is False
    after = town.rows("SELECT state, not_after FROM tokens WHERE serial = ?", phone.serial)
    assert after == [("ACTIVE", None)]
    refused(OtpReplayed, customer.offering(code, Operation.TRANSFER))
    needs = {each: core.requirement(customer.subscriber, each).needs for each in Operation}
    assert needs == {
        Operation.LOGIN: Requirement.NONE,
        Operation.TRANSFER: Requirement.OTP,
        Operation.BILL_PAYMENT: Requirement.OTP,
    }


def test_a_token_that_nobody_took_in_its_time_is_nobodys_for_good(
    town: Town, customer: Customer, phone: AppInHand, branch: Branch
) -> None:
    # Its days are over.
    town.rows("UPDATE tokens SET not_after = not_before + 1 WHERE serial = ?", phone.serial)
    refused(UnknownToken, customer.registering(phone.serial, phone.show()))
    # The next new token of anybody's sweeps it away, seeds and all.
    branch.phone(fresh_name())
    (swept,) = town.rows("SELECT state, length(blob) FROM tokens WHERE serial = ?", phone.serial)
    assert swept == ("RETIRED", 0)
    token_id = "SELECT token_id FROM tokens WHERE serial = ?"
    left = town.rows(f"SELECT * FROM signing_seeds WHERE token_id = ({token_id})", phone.serial)  # noqa: S608 - our own
    assert left == []


def test_a_code_of_the_old_phone_in_the_new_ones_place_leaves_the_old_one_in_use(
    town: Town, customer: Customer, phone: AppInHand, branch: Branch
) -> None:
    old, new = registered(customer, phone), branch.phone(fresh_name())
    customer.beginning(old.show())()
    before = town.kept_of(customer)
    wrong = refused(OtpRejected, customer.completing(new.serial, old.upcoming()))
    assert isinstance(wrong, OtpRejected)
    assert wrong.attempts_left == 4
    assert town.kept_of(customer) == before
    number_of(customer.offering(old.show()))
    done = customer.completing(new.serial, new.show())()
    assert (done.serial_after, done.serial_before) == (new.serial, old.serial)
    refused(UnknownToken, branch.by_serial(old))
    assert town.rows(
        "SELECT state, subscriber, length(blob) FROM tokens WHERE serial = ?", old.serial
    ) == [("RETIRED", None, 0)]


def test_of_two_exchanges_at_once_the_second_step_counts_once(
    customer: Customer, phone: AppInHand, branch: Branch
) -> None:
    old = registered(customer, phone)
    one, other = branch.phone(fresh_name()), branch.phone(fresh_name())
    for _ in range(2):
        customer.beginning(old.show())()
    number_of(customer.completing(one.serial, one.show()))
    refused(ReplacementNotBegun, customer.completing(other.serial, other.show()))
    assert branch.page.status(customer.subscriber).serial == one.serial
    # It is still somebody's to take.
    number_of(fresh_customer(branch).registering(other.serial, other.show()))


def test_one_person_twice_is_not_two(
    town: Town, customer: Customer, phone: AppInHand, branch: Branch
) -> None:
    old, new = registered(customer, phone), branch.phone(fresh_name())
    suzuki, tanaka, who = branch.suzuki, branch.tanaka, customer.subscriber
    made = suzuki.propose(who, BROKEN)
    before = town.kept_of(customer)
    for _ in range(2):
        refused(SamePerson, partial(suzuki.approve, made.proposal_id, who))
    refused(ReplacementNotBegun, customer.completing(new.serial, new.upcoming()))
    assert town.kept_of(customer) == before
    # Another customer, and another bank, cannot be meant by it.
    stranger = fresh_customer(branch).subscriber
    refused(UnknownProposal, partial(tanaka.approve, made.proposal_id, stranger))
    elsewhere = town.branch(ABUKUMA).tanaka
    refused(UnknownProposal, partial(elsewhere.approve, made.proposal_id, who))
    tanaka.reject(made.proposal_id)
    refused(ProposalOver, partial(tanaka.approve, made.proposal_id, who))
    assert town.kept_of(customer) == before
    number_of(customer.offering(old.show()))


def test_two_persons_help_who_has_locked_his_token_and_lost_it(
    customer: Customer, phone: AppInHand, branch: Branch
) -> None:
    old, new = registered(customer, phone), branch.phone(fresh_name())
    for _ in range(4):
        refused(OtpRejected, customer.offering(new.upcoming()))
    refused(TokenLocked, customer.offering(new.upcoming()))
    refused(TokenLocked, customer.beginning(old.show()))
    made = branch.suzuki.propose(customer.subscriber, ReplacementReason.LOST)
    approved = branch.tanaka.approve(made.proposal_id, customer.subscriber)
    assert (approved.proposed_by, approved.decided_by) == ("suzuki", "tanaka")
    done = customer.completing(new.serial, new.show())()
    assert (done.serial_after, done.serial_before) == (new.serial, old.serial)
    assert branch.page.status(customer.subscriber).status is EnrollmentStatus.ACTIVE
    number_of(customer.offering(new.show()))
    refused(UnknownToken, branch.by_serial(old))


def test_ten_serial_numbers_a_day_can_be_tried_and_tomorrow_ten_more(
    town: Town, customer: Customer, phone: AppInHand
) -> None:
    for _ in range(10):
        refused(UnknownToken, customer.registering(fresh_serial(), phone.upcoming()))
    spent = refused(TriesSpent, customer.registering(phone.serial, phone.upcoming()))
    assert isinstance(spent, TriesSpent)
    assert spent.attempts_left == 0
    yesterday = "UPDATE registrations SET day = date(day, '-1 day') WHERE subscriber = ?"
    town.rows(yesterday, customer.subscriber)
    registered(customer, phone)


def test_a_receipt_that_got_lost_is_given_again_also_by_the_next_process(
    place: Environment,
) -> None:
    with town_at(place) as town:
        branch = town.branch(KAKESHIN)
        customer = fresh_customer(branch)
        old, new = registered(customer, branch.phone(fresh_name())), branch.phone(fresh_name())
        customer.beginning(old.show())()
        request_id, code = uuid.uuid4(), new.show()
        complete = customer.completing(new.serial, code, request_id)
        first = complete()
        town.server.kill()
        with ServerProcess(place):
            again = town.branch(KAKESHIN).customer(customer.subscriber)
            retry = again.completing(new.serial, code, request_id)
            assert retry() == first
            refused(OtpReplayed, again.offering(code))
            refused(UnknownToken, again.branch.by_serial(old))
            number_of(again.offering(new.show()))


def test_no_secret_is_in_a_log_or_the_database(
    town: Town, customer: Customer, phone: AppInHand, branch: Branch
) -> None:
    old, new = registered(customer, phone), branch.phone(fresh_name())
    codes = [old.show() for _ in range(2)]
    number_of(customer.offering(codes[0]))
    customer.beginning(codes[1])()
    codes.append(new.show())
    number_of(customer.completing(new.serial, codes[2]))
    town.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    seeds = [seed for each in (old, new) for seed in each.drawn]
    assert len(seeds) == 4
    written = [form for seed in seeds for form in (seed, seed.hex().encode())]
    assert files_that_hold(town.place.directory, written) == []
    shown = [f'"{word}"'.encode() for word in (*codes, customer.subscriber)]
    logs = [path for path in files_that_hold(town.place.directory, shown) if path.suffix == ".log"]
    assert logs == []
