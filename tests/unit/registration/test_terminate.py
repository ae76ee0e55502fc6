# SPDX-License-Identifier: Apache-2.0
"""利用中止, as a bank's page hears of it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from kagimori.application.enrollment.requirement import Needs, Requirement
from kagimori.application.enrollment.standing import Standing
from kagimori.domain.errors import (
    HsmUnavailable,
    NotOffered,
    NoToken,
    RecordTampered,
    RequestIdReused,
)
from kagimori.domain.lifecycle import State, Status
from kagimori.domain.outcome import Outcome
from kagimori.domain.token import Kind
from support.banks.registering import SECOND, WRONG, Page, code
from support.databases.enrolments import write_enrolment
from support.tokens import SERIAL, SUBSCRIBER, TENANT

NOBODY = Standing(Status.NOT_REGISTERED)


def test_a_hardware_token_is_in_stock_again_and_remembers_its_steps(page: Page) -> None:
    page.registered()
    verdict = page.terminate(code(1))
    assert verdict.outcome is Outcome.ACCEPTED
    assert verdict.receipt is not None
    assert page.status() == NOBODY
    row = page.row()
    assert (row["state"], row["subscriber"], row["last_step"]) == ("RETURNED", None, 1)
    assert page.is_vouched_for(SERIAL)
    assert page.log_in(code(2)) is Outcome.UNKNOWN_TOKEN
    assert page.register(code(1)).verdict.outcome is Outcome.REPLAYED
    assert page.register(code(2)).verdict.outcome is Outcome.ACCEPTED


def test_an_apps_seeds_are_destroyed(page: Page) -> None:
    page.registered(kind=Kind.SOFTWARE)
    assert page.terminate(code(1)).outcome is Outcome.ACCEPTED
    row = page.row()
    assert (row["state"], row["blob"], row["row_mac"]) == ("RETIRED", b"", b"")
    assert not page.run("SELECT * FROM signing_seeds")
    assert page.register(code(2)).verdict.outcome is Outcome.UNKNOWN_TOKEN


def test_the_choice_and_the_exchange_end_with_it(page: Page) -> None:
    page.registered()
    page.choose(login_otp=True)
    page.begin(code(1))
    page.terminate(code(2))
    assert page.exchange() is None
    assert page.requirement() == Requirement(Needs.NONE, has_token=False)
    page.stock(SECOND)
    page.register(code(0, SECOND), SECOND)
    assert page.status().login_otp is False


def test_a_code_that_is_wrong_or_spent_ends_nothing_and_counts_as_ever(page: Page) -> None:
    page.registered()
    assert page.terminate(code(0)).outcome is Outcome.REPLAYED
    outcomes = [page.terminate(WRONG).outcome for _ in range(3)]
    assert outcomes == [Outcome.REJECTED, Outcome.REJECTED, Outcome.LOCKED]
    assert page.terminate(code(1)).outcome is Outcome.LOCKED
    assert page.status() == Standing(Status.LOCKED, serial=SERIAL, login_otp=False)


def test_the_same_request_has_the_same_answer(page: Page) -> None:
    page.registered()
    name = str(uuid4())
    told = page.terminate(code(1), name)
    assert page.terminate(code(1), name) == told
    # Also when there is a token again.
    page.stock(SECOND)
    page.register(code(0, SECOND), SECOND)
    assert page.terminate(code(1), name) == told
    assert page.status().serial == SECOND
    with pytest.raises(RequestIdReused):
        page.terminate(code(2), name)


def test_whoever_has_no_token_ends_none(page: Page) -> None:
    with pytest.raises(NoToken):
        page.terminate(WRONG)
    page.registered()
    page.terminate(code(1))
    with pytest.raises(NoToken):
        page.terminate(code(2))


def test_a_token_that_is_not_in_use_is_not_ended_by_a_code(page: Page) -> None:
    page.stock(state=State.ASSIGNED)
    before = page.run("SELECT * FROM tokens")
    assert page.terminate(code(0)).outcome is Outcome.NOT_ACTIVE
    assert page.run("SELECT * FROM tokens") == before


def test_an_issued_token_is_deregistered(page: Page) -> None:
    page.stock(kind=Kind.SOFTWARE, state=State.ACTIVE)
    write_enrolment(
        page.bank.database,
        tenant=TENANT,
        subscriber=SUBSCRIBER,
        state="PROVISIONED",
        deadline=1 << 52,
        token_id=f"token-{SERIAL}",
    )
    before = page.all_there_is()
    with pytest.raises(NotOffered, match="DeregisterToken"):
        page.terminate(code(0))
    assert page.all_there_is() == before
    assert page.deregister().status is Status.RELEASED


def test_a_registered_token_is_not_deregistered(page: Page) -> None:
    page.registered()
    before = page.all_there_is()
    with pytest.raises(NotOffered, match="TerminateToken"):
        page.deregister()
    page.change_policy(registration=None)
    with pytest.raises(NotOffered, match="deregistering a hardware token; ReturnToken"):
        page.deregister()
    assert page.all_there_is() == before


def test_an_outage_ends_nothing(page: Page) -> None:
    page.registered()
    page.vault.go_down()
    with pytest.raises(HsmUnavailable):
        page.terminate(code(1))
    page.vault.come_back()
    assert page.terminate(code(1)).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("kind", [Kind.HARDWARE, Kind.SOFTWARE])
def test_a_row_that_somebody_has_changed_is_vouched_for_by_nobody(page: Page, kind: Kind) -> None:
    page.registered(kind=kind)
    page.change_token(blob=b"a thief's")
    before = page.run("SELECT blob, state, subscriber, row_mac FROM tokens")
    with pytest.raises(RecordTampered):
        page.terminate(code(1))
    assert page.run("SELECT blob, state, subscriber, row_mac FROM tokens") == before


def test_a_bank_without_such_tokens_offers_none(page: Page) -> None:
    page.registered()
    page.change_policy(registration=None)
    before = page.all_there_is()
    with pytest.raises(NotOffered):
        page.terminate(code(1))
    assert page.all_there_is() == before
