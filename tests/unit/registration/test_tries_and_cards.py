# SPDX-License-Identifier: Apache-2.0
"""What a registration costs a customer, and what his card has to do with it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from kagimori.application.grid_cards.ports import GridAnswer, GridVerdict
from kagimori.application.registration.ports import Part
from kagimori.application.registration.register import RegistrationAnswer
from kagimori.application.registration.tries import NONE_LEFT
from kagimori.domain.errors import (
    AuthorityError,
    ChallengeOver,
    HsmUnavailable,
    NoGridCard,
)
from kagimori.domain.grid_card import Cells, GridOutcome
from kagimori.domain.outcome import Outcome, Verdict
from support.banks.registering import (
    NEXT,
    TRIES,
    WRONG,
    Page,
    code,
)
from support.tokens import SUBSCRIBER

UNKNOWN = RegistrationAnswer(Verdict(Outcome.UNKNOWN_TOKEN), Part.TOKEN)
ANSWER = GridAnswer("0192b3c4-5d6e-7f80-9123-456789abcdef", Cells("0471", "9920"))


def test_a_customer_has_so_many_tries_a_day_and_then_nothing_is_looked_at(page: Page) -> None:
    for number in range(TRIES):
        assert page.register(WRONG, f"NOBODYS{number:05}") == UNKNOWN
    page.stock()
    before, searches = page.all_there_is(), page.vault.searches
    page.vault.asked.clear()
    assert page.register(code(0)) == RegistrationAnswer(NONE_LEFT, Part.CUSTOMER)
    assert (page.all_there_is(), page.vault.searches, page.vault.asked) == (before, searches, [])
    assert page.register(code(0), subscriber=NEXT).verdict.outcome is Outcome.ACCEPTED


def test_a_request_that_is_sent_again_is_one_try(page: Page) -> None:
    name = str(uuid4())
    for _ in range(TRIES + 1):
        assert page.register(WRONG, "NOBODYS00001", request_id=name) == UNKNOWN
    assert page.tries() == 1


def test_an_outage_costs_neither_a_try_nor_an_attempt(page: Page) -> None:
    page.stock()
    name = str(uuid4())
    page.vault.go_down()
    for _ in range(TRIES + 1):
        with pytest.raises(HsmUnavailable):
            page.register(code(0), request_id=name)
    assert (page.tries(), page.row()["failures"]) == (0, 0)
    page.vault.come_back()
    page.vault.fail_next(HsmUnavailable("down", 0.5), 0)
    with pytest.raises(HsmUnavailable):
        page.register(code(0), request_id=name)
    assert (page.tries(), page.row()["failures"]) == (0, 0)
    assert page.register(code(0), request_id=name).verdict.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("outcome", [GridOutcome.REJECTED, GridOutcome.LOCKED])
def test_where_the_card_is_wrong_no_code_is_looked_at(page: Page, outcome: GridOutcome) -> None:
    page.change_rules(grid_card=True)
    page.stock()
    before = page.all_there_is()
    page.grid.answers.append(GridVerdict(outcome, 3))
    name = str(uuid4())
    answer = page.register(code(0), request_id=name, grid_answer=ANSWER)
    verdict = Verdict(Outcome(outcome), attempts_left=3)
    assert answer == RegistrationAnswer(verdict, Part.GRID_CARD)
    assert (page.all_there_is(), page.tries(), page.vault.asked) == (before, 1, [])
    assert page.grid.asked == [(SUBSCRIBER, name, ANSWER)]


def test_where_the_card_is_right_the_code_is_judged(page: Page) -> None:
    page.change_rules(grid_card=True)
    page.stock()
    right = GridVerdict(GridOutcome.ACCEPTED, 5)
    page.grid.answers += [right, right]
    assert page.register(WRONG, grid_answer=ANSWER).part is Part.TOKEN
    name = str(uuid4())
    told = page.register(code(0), request_id=name, grid_answer=ANSWER)
    assert (told.verdict.outcome, told.part) == (Outcome.ACCEPTED, None)
    # What has its verdict asks no card again.
    assert page.register(code(0), request_id=name, grid_answer=ANSWER) == told


@pytest.mark.parametrize("error", [NoGridCard(), ChallengeOver(), HsmUnavailable("down", 0.5)])
def test_a_card_that_is_not_judged_costs_no_try(page: Page, error: AuthorityError) -> None:
    page.change_rules(grid_card=True)
    page.stock()
    before = page.all_there_is()
    page.grid.answers.append(error)
    with pytest.raises(type(error)):
        page.register(code(0), grid_answer=ANSWER)
    assert (page.all_there_is(), page.tries()) == (before, 0)
