# SPDX-License-Identifier: Apache-2.0
"""What completes no exchange, and changes nothing."""

from __future__ import annotations

import pytest

from kagimori.adapters.sql.inventory.desk import SqlDesk
from kagimori.application.inventory.desk import Condition, ReturnToken
from kagimori.application.ports import BySubscriber
from kagimori.application.registration.ports import Part
from kagimori.application.registration.replace import (
    ReplacementAnswer,
)
from kagimori.domain.errors import (
    HsmUnavailable,
    InvalidField,
    NotOffered,
    NoToken,
    RecordTampered,
    ReplacementExpired,
    ReplacementNotBegun,
    SameToken,
)
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.token import Kind
from support.banks.registering import (
    NEXT,
    SECOND,
    STAFF,
    WRONG,
    Page,
    code,
)
from support.lives.exchanging import begun, completed
from support.tokens import SERIAL, SUBSCRIBER

THIRD = "SKTS00000003"
UNKNOWN = ReplacementAnswer(Verdict(Outcome.UNKNOWN_TOKEN), Part.TOKEN)


def test_whoever_has_no_token_exchanges_none(page: Page) -> None:
    with pytest.raises(NoToken):
        page.begin(WRONG)
    page.stock(SECOND)
    before = page.all_there_is()
    with pytest.raises(ReplacementNotBegun):
        page.complete(code(0, SECOND))
    assert (page.all_there_is(), page.tries()) == (before, 0)


def test_nothing_is_completed_that_was_not_begun(page: Page) -> None:
    page.registered()
    page.stock(SECOND)
    before = page.all_there_is()
    with pytest.raises(ReplacementNotBegun):
        page.complete(code(0, SECOND))
    assert (page.all_there_is(), page.tries()) == (before, 0)


def test_nor_long_after_it_was_begun(page: Page) -> None:
    begun(page)
    page.run("UPDATE replacements SET complete_by = 1")
    before = page.all_there_is()
    with pytest.raises(ReplacementExpired):
        page.complete(code(0, SECOND))
    assert (page.all_there_is(), page.tries()) == (before, 0)
    assert page.begin(code(2)).verdict.outcome is Outcome.ACCEPTED
    completed(page)


def test_nor_twice(page: Page) -> None:
    begun(page)
    completed(page)
    page.stock(THIRD)
    before = page.all_there_is()
    with pytest.raises(ReplacementNotBegun):
        page.complete(code(0, THIRD), THIRD)
    assert (page.all_there_is(), page.tries()) == (before, 0)


def test_the_same_token_replaces_nothing(page: Page) -> None:
    begun(page)
    before = page.all_there_is()
    with pytest.raises(SameToken):
        page.complete(code(2), SERIAL)
    assert (page.all_there_is(), page.tries()) == (before, 0)
    assert page.log_in(code(2)) is Outcome.ACCEPTED


@pytest.mark.parametrize("serial", [SECOND.lower(), SECOND[:-1], SECOND + "0"])
def test_what_is_printed_on_no_token_is_refused_before_all_else(page: Page, serial: str) -> None:
    begun(page)
    before = page.all_there_is()
    with pytest.raises(InvalidField, match=r"^serial: "):
        page.complete(code(0, SECOND), serial)
    assert (page.all_there_is(), page.tries()) == (before, 0)


def test_whatever_else_a_serial_is_the_answer_is_the_same_and_the_exchange_open(page: Page) -> None:
    begun(page)
    page.stock("BOUND0000001", state=State.ACTIVE, subscriber=NEXT)
    page.stock("UNCLAIMED001", Kind.SOFTWARE)
    page.change_token("UNCLAIMED001", not_after=1)
    for serial in ("NOBODYS00001", "BOUND0000001", "UNCLAIMED001"):
        page.vault.asked.clear()
        assert page.complete(code(0, serial), serial) == UNKNOWN
        assert page.vault.asked == [2, 2], serial
    page.vault.asked.clear()
    completed(page)
    assert page.vault.asked == [2, 2]


def test_one_that_locks_its_token_meanwhile_has_proved_nothing(page: Page) -> None:
    begun(page)
    for _ in range(3):
        page.log_in(WRONG)
    before = page.all_there_is()
    with pytest.raises(ReplacementNotBegun):
        page.complete(code(0, SECOND))
    assert (page.all_there_is(), page.tries()) == (before, 0)
    page.unlock(BySubscriber(SUBSCRIBER))
    completed(page)


def test_an_exchange_is_about_the_token_that_it_was_begun_with(page: Page) -> None:
    begun(page)
    take_back = ReturnToken(SqlDesk(page.bank.database.open()), page.vault)
    page.bank.run(take_back(STAFF, SERIAL, Condition.WORKING))
    with pytest.raises(NoToken):
        page.complete(code(0, SECOND))
    page.stock(THIRD, state=State.ACTIVE)
    before = page.all_there_is()
    with pytest.raises(ReplacementNotBegun):
        page.complete(code(0, SECOND))
    assert (page.all_there_is(), page.tries()) == (before, 0)


def test_an_outage_costs_neither_a_try_nor_the_exchange(page: Page) -> None:
    begun(page)
    page.vault.go_down()
    with pytest.raises(HsmUnavailable):
        page.complete(code(0, SECOND))
    assert (page.tries(), page.row(SECOND)["failures"]) == (0, 0)
    page.vault.come_back()
    completed(page)


@pytest.mark.parametrize("serial", [SERIAL, SECOND])
def test_a_row_that_somebody_has_changed_is_vouched_for_by_nobody(page: Page, serial: str) -> None:
    begun(page)
    page.change_token(serial, blob=b"a thief's")
    before, looked = page.all_there_is(), page.vault.looked
    with pytest.raises(RecordTampered):
        page.complete(code(0, SECOND))
    assert (page.all_there_is(), page.vault.looked) == (before, looked)


def test_a_bank_without_such_tokens_offers_none(page: Page) -> None:
    begun(page)
    page.change_policy(registration=None)
    before = page.all_there_is()
    with pytest.raises(NotOffered):
        page.begin(code(2))
    with pytest.raises(NotOffered):
        page.complete(code(0, SECOND))
    assert page.all_there_is() == before
