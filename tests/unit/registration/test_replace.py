# SPDX-License-Identifier: Apache-2.0
"""交換, as a bank's page hears of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from kagimori.application.registration.ports import Part
from kagimori.application.registration.replace import (
    BegunAnswer,
    ReplacementAnswer,
    ReplacementOrder,
)
from kagimori.application.registration.tries import NONE_LEFT
from kagimori.domain.code import Otp
from kagimori.domain.errors import (
    LeaseLost,
    RequestIdReused,
)
from kagimori.domain.lifecycle import State, Status
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.token import Kind
from support.banks.registering import (
    NEXT,
    RULES,
    SECOND,
    TRIES,
    WRONG,
    Page,
    code,
)
from support.lives.exchanging import assisted, begun, completed
from support.tokens import SERIAL, SUBSCRIBER

KINDS = [Kind.HARDWARE, Kind.SOFTWARE]
THIRD = "SKTS00000003"
UNKNOWN = ReplacementAnswer(Verdict(Outcome.UNKNOWN_TOKEN), Part.TOKEN)


@pytest.mark.parametrize("new", KINDS)
def test_both_tokens_move_and_the_answer_names_both(page: Page, new: Kind) -> None:
    page.registered()
    page.choose(login_otp=True)
    page.stock(SECOND, new)
    page.begin(code(1))
    answer = completed(page)
    assert (answer.part, answer.serial_after, answer.serial_before) == (None, SECOND, SERIAL)
    assert answer.verdict.receipt is not None
    standing = page.status()
    assert (standing.status, standing.serial) == (Status.ACTIVE, SECOND)
    assert standing.login_otp is True
    assert page.row(SECOND)["not_after"] is None
    assert page.is_vouched_for(SECOND)
    assert page.log_in(code(0, SECOND)) is Outcome.REPLAYED
    assert page.log_in(code(2)) is Outcome.REJECTED
    assert page.log_in(code(1, SECOND)) is Outcome.ACCEPTED


def test_a_hardware_token_is_in_stock_again_and_remembers_its_steps(page: Page) -> None:
    begun(page)
    completed(page)
    row = page.row()
    assert (row["state"], row["subscriber"], row["last_step"]) == ("RETURNED", None, 1)
    assert page.is_vouched_for(SERIAL)
    # The next customer's first code comes after the last one's.
    assert page.register(code(1), subscriber=NEXT).verdict.outcome is Outcome.REPLAYED
    assert page.register(code(2), subscriber=NEXT).verdict.outcome is Outcome.ACCEPTED


def test_an_apps_seeds_are_destroyed(page: Page) -> None:
    begun(page, Kind.SOFTWARE)
    assert len(page.run("SELECT * FROM signing_seeds")) == 1
    completed(page)
    row = page.row()
    assert (row["state"], row["blob"], row["row_mac"]) == ("RETIRED", b"", b"")
    assert not page.run("SELECT * FROM signing_seeds")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", [State.ACTIVE, State.LOCKED])
def test_what_two_persons_gave_up_comes_back_to_nobody(
    page: Page, kind: Kind, state: State
) -> None:
    begun(page, kind)
    assisted(page)
    page.change_token(state=state)
    completed(page)
    row = page.row()
    assert (row["state"], row["blob"]) == ("RETIRED", b"")
    assert page.status().serial == SECOND


def test_the_old_token_stays_in_use_until_the_new_one_is(page: Page) -> None:
    begun(page)
    assert page.log_in(code(1)) is Outcome.REPLAYED
    assert page.log_in(code(2)) is Outcome.ACCEPTED
    wrong = page.complete(WRONG)
    assert (wrong.verdict.outcome, wrong.part) == (Outcome.REJECTED, Part.TOKEN)
    assert (wrong.serial_after, wrong.serial_before) == ("", "")
    assert page.log_in(code(3)) is Outcome.ACCEPTED
    completed(page)


def test_how_long_there_is_for_it_is_told_as_it_is_kept(page: Page) -> None:
    page.registered()
    answer = page.begin(code(1))
    row = page.exchange()
    assert row is not None
    assert answer.complete_by == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=row["complete_by"]
    )
    assert row["complete_by"] - row["begun_at"] == RULES.replacement_minutes * 60_000_000
    assert (row["token_id"], row["serial_before"]) == (f"token-{SERIAL}", SERIAL)


def test_a_wrong_code_of_the_old_token_begins_nothing_and_counts_as_ever(page: Page) -> None:
    page.registered()
    answers = [page.begin(WRONG) for _ in range(3)]
    outcomes = [answer.verdict.outcome for answer in answers]
    assert outcomes == [Outcome.REJECTED, Outcome.REJECTED, Outcome.LOCKED]
    assert answers[0] == BegunAnswer(Verdict(Outcome.REJECTED, attempts_left=2), None)
    assert page.begin(code(1)).verdict.outcome is Outcome.LOCKED
    assert page.exchange() is None
    assert page.status().status is Status.LOCKED


def test_the_old_tokens_code_is_none_of_the_new_ones(page: Page) -> None:
    begun(page)
    answer = page.complete(code(2))
    assert (answer.verdict.outcome, answer.part) == (Outcome.REJECTED, Part.TOKEN)
    assert page.row(SECOND)["failures"] == 1
    assert page.status().serial == SERIAL
    assert page.log_in(code(2)) is Outcome.ACCEPTED
    completed(page)


def test_a_customer_has_so_many_tries_a_day(page: Page) -> None:
    begun(page)
    for number in range(TRIES):
        assert page.complete(WRONG, f"NOBODYS{number:05}") == UNKNOWN
    before, searches = page.all_there_is(), page.vault.searches
    assert page.complete(code(0, SECOND)) == ReplacementAnswer(NONE_LEFT, Part.CUSTOMER)
    assert (page.all_there_is(), page.vault.searches) == (before, searches)
    page.run("UPDATE registrations SET day = '2003-07-16'")
    completed(page)
    assert page.tries() == 0


def test_the_same_request_has_the_same_answer(page: Page) -> None:
    page.registered()
    page.stock(SECOND)
    first, second, third = (str(uuid4()) for _ in range(3))
    told = page.begin(code(1), first)
    rejected = page.complete(WRONG, request_id=second)
    accepted = page.complete(code(0, SECOND), request_id=third)
    for _ in range(2):
        assert page.begin(code(1), first) == told
        assert page.complete(WRONG, request_id=second) == rejected
        assert page.complete(code(0, SECOND), request_id=third) == accepted
    assert accepted.serial_before == SERIAL
    with pytest.raises(RequestIdReused):
        page.complete(code(0, SECOND), THIRD, third)
    with pytest.raises(RequestIdReused):
        page.begin(code(2), first)


def test_a_request_that_is_sent_twice_at_once_has_one_answer(page: Page) -> None:
    begun(page)
    name = str(uuid4())
    told = page.complete(code(0, SECOND), request_id=name)
    with page.sent_twice_at_once():
        assert page.complete(code(0, SECOND), request_id=name) == told


def test_a_request_sent_again_after_the_next_exchange_begins_has_its_verdict(page: Page) -> None:
    begun(page)
    name = str(uuid4())
    told = page.complete(code(0, SECOND), request_id=name)
    page.begin(code(1, SECOND))
    again = page.complete(code(0, SECOND), request_id=name)
    assert (again.verdict, again.serial_after) == (told.verdict, SECOND)
    assert again.serial_before == ""


def test_where_a_row_changes_meanwhile_nothing_moves_and_the_same_request_goes_on(
    page: Page,
) -> None:
    begun(page)
    name = str(uuid4())
    page.vault.meanwhile = lambda: page.change_token(generation=9)
    with pytest.raises(LeaseLost):
        page.complete(code(0, SECOND), request_id=name)
    assert (page.status().serial, page.row(SECOND)["subscriber"]) == (SERIAL, None)
    page.bank.expire_leases()
    answer = page.complete(code(0, SECOND), request_id=name)
    assert (answer.verdict.outcome, answer.serial_before) == (Outcome.ACCEPTED, SERIAL)


def test_an_order_shows_neither_the_customer_nor_digits() -> None:
    order = ReplacementOrder(str(uuid4()), SUBSCRIBER, SECOND, Otp("482915"))
    for secret in (SUBSCRIBER, "482915"):
        assert secret not in repr(order)
