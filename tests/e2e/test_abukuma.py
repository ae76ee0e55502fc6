# SPDX-License-Identifier: Apache-2.0
"""あぶくま信用金庫: hardware tokens, the app, and the grid card, whole and real."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from conftest import moved
from development.abukuma import Journey
from development.environment import Environment
from development.family_b import ABUKUMA, KAKESHIN, Branch, Customer
from development.in_hand import AppInHand, HardwareInHand, Token
from development.print_shop import Card, PrintShop
from kagimori_client import (
    ChallengeOver,
    EnrollmentStatus,
    GridAnswerRejected,
    GridCardLocked,
    GridChallenge,
    InvalidRequest,
    NoGridCard,
    OtpRejected,
    OtpReplayed,
    TokenState,
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

PERIODS = [pytest.param(30, id="time"), pytest.param(0, id="event")]


@pytest.fixture(scope="module")
def town(provisioned: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    place = moved(provisioned, tmp_path_factory.mktemp("abukuma") / "authority")
    with town_at(place) as town:
        yield town


@pytest.fixture(scope="module")
def branch(town: Town) -> Branch:
    return town.branch(ABUKUMA)


@pytest.fixture(scope="module")
def shop(town: Town) -> PrintShop:
    return town.shop()


@dataclass
class Stock:
    """What the bank has for its customers: hardware tokens, and a card for each customer."""

    by_time: list[HardwareInHand]
    by_event: list[HardwareInHand]
    holders: list[tuple[Customer, Card]]

    def token(self, period: int = 30) -> HardwareInHand:
        return (self.by_time if period else self.by_event).pop()

    def holder(self) -> tuple[Customer, Card]:
        return self.holders.pop()


@pytest.fixture(scope="module")
def stock(town: Town, branch: Branch, shop: PrintShop) -> Stock:
    """Have all of it come at once: each command takes its second."""
    tokens = town.deliver(branch, *[30] * 12, *[0] * 2)
    customers = [fresh_customer(branch) for _ in range(16)]
    cards = town.print_cards(shop, *customers)
    return Stock(tokens[:12], tokens[12:], list(zip(customers, cards, strict=True)))


@pytest.fixture
def holder(stock: Stock) -> tuple[Customer, Card]:
    return stock.holder()


@pytest.fixture
def customer(holder: tuple[Customer, Card]) -> Customer:
    return holder[0]


@pytest.fixture
def card(holder: tuple[Customer, Card]) -> Card:
    return holder[1]


def asked(customer: Customer) -> GridChallenge:
    return customer.branch.page.create_grid_challenge(customer.subscriber)


def registered(customer: Customer, card: Card, token: Token) -> str:
    """Take a token into use; return the code that was spent by it."""
    code = token.show()
    number_of(customer.registering(token.serial, code, answer=card.read(asked(customer))))
    return code


@pytest.mark.slow
def test_the_guide_can_be_walked_from_its_first_page_to_its_last(town: Town) -> None:
    branch = town.branch(ABUKUMA)
    hanako, taro = fresh_customer(branch), fresh_customer(branch)
    serials = (fresh_serial(), fresh_serial())
    Journey(branch, hanako, taro, town.shop(), serials).walk()
    assert branch.stage.failed == 0
    assert branch.stage.passed > 50


@pytest.mark.parametrize("period", PERIODS)
def test_a_hardware_token_is_given_up_for_the_app_and_taken_again(
    branch: Branch, customer: Customer, card: Card, stock: Stock, period: int
) -> None:
    token, app = stock.token(period), branch.phone(fresh_name())
    spent = [registered(customer, card, token)]
    spent.append(token.show())
    customer.beginning(spent[-1])()
    there = customer.completing(app.serial, app.show())()
    assert (there.serial_after, there.serial_before) == (app.serial, token.serial)
    assert branch.counter.status(token.serial).state is TokenState.RETURNED
    refused(UnknownToken, branch.by_serial(token))
    customer.beginning(app.show())()
    refused(OtpReplayed, customer.completing(token.serial, spent[-1]))
    back = customer.completing(token.serial, token.show())()
    assert (back.serial_after, back.serial_before) == (token.serial, app.serial)
    assert int(back.number) > int(there.number)
    refused(UnknownToken, branch.by_serial(app))
    number_of(customer.offering(token.show()))
    told = branch.page.status(customer.subscriber)
    assert (told.status, told.login_otp) == (EnrollmentStatus.ACTIVE, True)


def test_a_button_that_was_pressed_unseen_costs_nothing_within_the_look_ahead(
    customer: Customer, card: Card, stock: Stock
) -> None:
    token = stock.token(period=0)
    for _ in range(9):
        token.show()
    registered(customer, card, token)
    for _ in range(9):
        token.show()
    number_of(customer.offering(token.show()))


def test_a_serial_number_is_nobodys_for_whatever_reason_in_one_and_the_same_words(
    town: Town, branch: Branch, customer: Customer, card: Card, stock: Stock
) -> None:
    other, others_card = stock.holder()
    bound, handed = stock.token(), stock.token()
    registered(other, others_card, bound)
    branch.counter.assign(fresh_customer(branch).subscriber, handed.serial)
    foreign = branch.phone(fresh_name(), KAKESHIN)
    tried = {
        fresh_serial(): bound.upcoming(),
        bound.serial: bound.upcoming(),
        handed.serial: handed.upcoming(),
        foreign.serial: foreign.upcoming(),
    }
    told = set()
    for serial, code in tried.items():
        answer = card.read(asked(customer))
        error = refused(UnknownToken, customer.registering(serial, code, answer=answer))
        assert isinstance(error, UnknownToken)
        told.add((error.args, error.attempts_left))
    assert len(told) == 1
    assert branch.page.status(customer.subscriber).status is EnrollmentStatus.NOT_REGISTERED
    # None of them was touched by it.
    number_of(other.offering(bound.show()))
    elsewhere = fresh_customer(town.branch(KAKESHIN))
    number_of(elsewhere.registering(foreign.serial, foreign.show()))


def test_a_wrong_figure_looks_at_no_token_and_changes_nothing_of_what_is_asked(
    town: Town, customer: Customer, card: Card, stock: Stock
) -> None:
    token, challenge = stock.token(), asked(customer)
    before = town.rows("SELECT * FROM tokens WHERE serial = ?", token.serial)
    code = token.show()
    deed = customer.registering(token.serial, code, answer=card.misread(challenge))
    wrong = refused(GridAnswerRejected, deed)
    assert isinstance(wrong, GridAnswerRejected)
    assert wrong.attempts_left == 4
    # The right one is too late: a challenge is answered once.
    late = customer.registering(token.serial, code, answer=card.read(challenge))
    refused(ChallengeOver, late)
    assert town.rows("SELECT * FROM tokens WHERE serial = ?", token.serial) == before
    again = asked(customer)
    assert again.columns == challenge.columns
    assert again.challenge_id != challenge.challenge_id
    number_of(customer.registering(token.serial, code, answer=card.read(again)))


def test_nobody_can_ask_until_he_is_asked_for_what_he_knows(
    town: Town, customer: Customer, card: Card
) -> None:
    assert card.number
    first = asked(customer)
    for minutes in range(3):
        for _ in range(10):
            assert asked(customer).columns == first.columns
        # The time of what was asked for is over, which changes nothing either.
        over = "UPDATE grid_cards SET answer_by = ? WHERE number = ?"
        town.rows(over, minutes + 1, card.number)
        late = partial(
            customer.branch.page.verify_grid_answer, customer.subscriber, card.read(first)
        )
        refused(ChallengeOver, late)


def test_after_a_right_answer_it_is_never_the_same_two(customer: Customer, card: Card) -> None:
    page, seen = customer.branch.page, []
    for _ in range(20):
        challenge = asked(customer)
        seen.append(frozenset(challenge.columns))
        page.verify_grid_answer(customer.subscriber, card.read(challenge))
    assert all(one != next_ for one, next_ in itertools.pairwise(seen))
    assert all(len(pair) == 2 for pair in seen)


def test_guesses_lock_the_card_until_the_staff_unlock_it(
    customer: Customer, card: Card, branch: Branch
) -> None:
    page, who = branch.page, customer.subscriber
    columns = asked(customer).columns
    for _ in range(4):
        refused(
            GridAnswerRejected, partial(page.verify_grid_answer, who, card.misread(asked(customer)))
        )
    for read in (card.misread, card.read):
        refused(GridCardLocked, partial(page.verify_grid_answer, who, read(asked(customer))))
    branch.desk.unlock_grid_card(who)
    again = asked(customer)
    assert again.columns == columns
    page.verify_grid_answer(who, card.read(again))


def test_an_answer_of_one_figure_is_none_and_costs_nothing(
    town: Town, customer: Customer, card: Card, stock: Stock
) -> None:
    token, challenge = stock.token(), asked(customer)
    before = town.rows("SELECT * FROM grid_cards WHERE number = ?", card.number)
    first = card.read(challenge).first
    for second in ("", first[:3], f"{first}0", "\uff11\uff12\uff13\uff14"):
        answer = challenge.answer(first, second)
        error = refused(
            InvalidRequest, customer.registering(token.serial, token.upcoming(), answer=answer)
        )
        assert isinstance(error, InvalidRequest)
        assert error.field == "grid_answer.second"
    none = refused(InvalidRequest, customer.registering(token.serial, token.upcoming()))
    assert isinstance(none, InvalidRequest)
    assert none.field == "grid_answer"
    assert town.rows("SELECT * FROM grid_cards WHERE number = ?", card.number) == before
    registered(customer, card, token)


def test_a_new_card_makes_the_one_before_it_void(
    town: Town, shop: PrintShop, customer: Customer, card: Card
) -> None:
    page, who = customer.branch.page, customer.subscriber
    (new,) = town.print_cards(shop, customer)
    assert new.number != card.number
    refused(GridAnswerRejected, partial(page.verify_grid_answer, who, card.read(asked(customer))))
    page.verify_grid_answer(who, new.read(asked(customer)))


def test_who_has_no_card_is_told_so_and_his_token_is_let_alone(
    branch: Branch, stock: Stock
) -> None:
    (neighbour, card), token = stock.holder(), stock.token()
    customer = fresh_customer(branch)
    refused(NoGridCard, partial(asked, customer))
    borrowed = card.read(asked(neighbour))
    code = token.show()
    refused(NoGridCard, customer.registering(token.serial, code, answer=borrowed))
    number_of(neighbour.registering(token.serial, code, answer=borrowed))


def test_the_code_that_somebody_guesses_for_a_token_in_stock_counts(
    customer: Customer, card: Card, stock: Stock
) -> None:
    token, other = stock.token(), stock.token()
    answer = card.read(asked(customer))
    wrong = refused(
        OtpRejected, customer.registering(token.serial, other.upcoming(), answer=answer)
    )
    assert isinstance(wrong, OtpRejected)
    assert wrong.attempts_left == 4
    registered(customer, card, token)


def test_no_figure_and_no_code_is_in_a_log_or_the_database(
    town: Town, branch: Branch, customer: Customer, card: Card, stock: Stock
) -> None:
    token: HardwareInHand = stock.token()
    app: AppInHand = branch.phone(fresh_name())
    challenge = asked(customer)
    refused(
        GridAnswerRejected,
        customer.registering(token.serial, token.upcoming(), answer=card.misread(challenge)),
    )
    registered(customer, card, token)
    customer.beginning(token.show())()
    number_of(customer.completing(app.serial, app.show()))
    town.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    seeds = [token.device.seed, *app.drawn]
    written = [form for seed in seeds for form in (seed, seed.hex().encode())]
    # The whole row of the card, as the print shop had it: no two of its cells stand together.
    cells = list(card.cells.values())
    pairs = [f"{one}{mark}{next_}" for one, next_ in itertools.pairwise(cells) for mark in ",;\t"]
    assert files_that_hold(town.place.directory, [*written, *map(str.encode, pairs)]) == []
    shown = [f'"{word}"'.encode() for word in (*cells, customer.subscriber)]
    logs = [path for path in files_that_hold(town.place.directory, shown) if path.suffix == ".log"]
    assert logs == []
