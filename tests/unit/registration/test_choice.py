# SPDX-License-Identifier: Apache-2.0
"""ログイン時の認証要否, and what an operation needs of whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kagimori.application.enrollment.requirement import Needs, Requirement
from kagimori.application.enrollment.standing import Standing
from kagimori.domain.calendar import day_of
from kagimori.domain.errors import NotOffered, NoToken
from kagimori.domain.lifecycle import State, Status
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import When
from support.banks.registering import OPERATIONS, WRONG, Page, code
from support.tokens import SERIAL, TENANT

PAYMENTS = [Operation.TRANSFER, Operation.BILL_PAYMENT]


def test_a_login_needs_a_code_where_the_customer_wants_it(page: Page) -> None:
    page.stock()
    page.register(code(0), login_otp=False)
    assert page.requirement() == Requirement(Needs.NONE, has_token=True)
    for login_otp, needs in ((True, Needs.OTP), (False, Needs.NONE), (True, Needs.OTP)):
        standing = page.choose(login_otp=login_otp)
        assert standing == Standing(Status.ACTIVE, serial=SERIAL, login_otp=login_otp)
        assert standing == page.status()
        assert page.requirement() == Requirement(needs, has_token=True)


def test_the_same_choice_again_changes_nothing(page: Page) -> None:
    page.registered()
    first = page.choose(login_otp=True)
    before = page.all_there_is()
    assert page.choose(login_otp=True) == first
    assert page.all_there_is() == before
    assert page.audited() == [("registrar-1", "LOGIN_OTP_ON", SERIAL)]


def test_a_customer_whose_token_is_locked_still_has_the_choice(page: Page) -> None:
    page.registered()
    for _ in range(3):
        page.log_in(WRONG)
    assert page.choose(login_otp=True) == Standing(Status.LOCKED, serial=SERIAL, login_otp=True)
    assert page.requirement() == Requirement(Needs.OTP, has_token=True)


@pytest.mark.parametrize("state", [None, State.ASSIGNED, State.BARRED])
def test_without_a_token_in_use_there_is_no_choice(page: Page, state: State | None) -> None:
    if state is not None:
        page.stock(state=state)
    before = page.all_there_is()
    with pytest.raises(NoToken):
        page.choose(login_otp=True)
    assert page.all_there_is() == before
    assert page.status().login_otp is None


@pytest.mark.parametrize("when", [When.ALWAYS, When.NEVER])
def test_where_the_bank_decides_the_customer_does_not(page: Page, when: When) -> None:
    page.registered()
    page.choose(login_otp=True)
    page.change_policy(operations=OPERATIONS | {Operation.LOGIN: when})
    before = page.all_there_is()
    with pytest.raises(NotOffered):
        page.choose(login_otp=False)
    assert page.all_there_is() == before
    assert page.status().login_otp is None
    needs = Needs.OTP if when is When.ALWAYS else Needs.NONE
    assert page.requirement() == Requirement(needs, has_token=True)


def test_a_bank_without_such_tokens_leaves_no_choice(page: Page) -> None:
    page.registered()
    page.change_policy(registration=None)
    with pytest.raises(NotOffered):
        page.choose(login_otp=True)


@pytest.mark.parametrize("operation", PAYMENTS)
def test_a_payment_needs_a_code_whatever_the_customer_wants(
    page: Page, operation: Operation
) -> None:
    page.registered()
    for login_otp in (False, True):
        page.choose(login_otp=login_otp)
        assert page.requirement(operation) == Requirement(Needs.OTP, has_token=True)


@pytest.mark.parametrize("operation", PAYMENTS)
@pytest.mark.parametrize(
    ("days", "needs"), [(-1, Needs.REGISTRATION), (0, Needs.REGISTRATION), (1, Needs.NONE)]
)
def test_from_the_day_of_the_cut_over_a_payment_needs_a_token(
    page: Page, operation: Operation, days: int, needs: Needs
) -> None:
    today = day_of(datetime.now(UTC), page.bank.policies[TENANT].zone)
    cut_over = today + timedelta(days=days)
    page.change_rules(cut_over=cut_over)
    assert page.requirement(operation) == Requirement(needs, has_token=False, cut_over=cut_over)
    login = page.requirement(Operation.LOGIN)
    assert login == Requirement(Needs.NONE, has_token=False, cut_over=cut_over)
    page.registered()
    assert page.requirement(operation) == Requirement(Needs.OTP, has_token=True, cut_over=cut_over)


def test_without_a_day_no_payment_needs_a_token(page: Page) -> None:
    for operation in PAYMENTS:
        assert page.requirement(operation) == Requirement(Needs.NONE, has_token=False)


@pytest.mark.parametrize("when", [When.BY_CHOICE, When.NEVER])
def test_nor_does_what_needs_no_code(page: Page, when: When) -> None:
    today = day_of(datetime.now(UTC), page.bank.policies[TENANT].zone)
    page.change_rules(cut_over=today)
    page.change_policy(operations=OPERATIONS | {Operation.TRANSFER: when})
    assert page.requirement(Operation.TRANSFER).needs is Needs.NONE
    assert page.requirement(Operation.BILL_PAYMENT).needs is Needs.REGISTRATION


def test_an_issued_bank_has_no_such_day(page: Page) -> None:
    page.change_policy(registration=None)
    assert page.requirement(Operation.TRANSFER) == Requirement(Needs.NONE, has_token=False)
