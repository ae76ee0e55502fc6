# SPDX-License-Identifier: Apache-2.0
"""利用開始 by serial number, as a bank's page hears of it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from kagimori.application.enrollment.standing import Standing
from kagimori.application.grid_cards.ports import GridAnswer
from kagimori.application.ports import BySerial
from kagimori.application.registration.ports import Part
from kagimori.application.registration.register import RegistrationAnswer, RegistrationOrder
from kagimori.domain.code import Otp
from kagimori.domain.errors import (
    HsmUnavailable,
    InvalidField,
    LeaseLost,
    LiveToken,
    NotIdentified,
    NotLocked,
    NotOffered,
    NoToken,
    RecordTampered,
    RequestIdReused,
)
from kagimori.domain.grid_card import Cells
from kagimori.domain.lifecycle import State, Status
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import SubscriberNames, When
from kagimori.domain.token import Kind
from support.banks.registering import (
    NEXT,
    OPERATIONS,
    SECOND,
    TRIES,
    WRONG,
    Page,
    code,
)
from support.databases.enrolments import write_enrolment
from support.tokens import OTHER_TENANT, SERIAL, SUBSCRIBER, TENANT

KINDS = [Kind.HARDWARE, Kind.SOFTWARE]
UNKNOWN = RegistrationAnswer(Verdict(Outcome.UNKNOWN_TOKEN), Part.TOKEN)
ANSWER = GridAnswer("0192b3c4-5d6e-7f80-9123-456789abcdef", Cells("0471", "9920"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_right_code_takes_the_token_into_use_and_is_spent(page: Page, kind: Kind) -> None:
    page.stock(kind=kind)
    answer = page.register(code(0), login_otp=True)
    assert (answer.verdict.outcome, answer.part) == (Outcome.ACCEPTED, None)
    assert answer.verdict.receipt is not None
    assert page.status() == Standing(Status.ACTIVE, serial=SERIAL, login_otp=True)
    assert page.is_vouched_for(SERIAL)
    assert page.row()["not_after"] is None
    assert page.log_in(code(0)) is Outcome.REPLAYED
    assert page.log_in(code(1)) is Outcome.ACCEPTED


NO_SERIALS = {
    "empty": "",
    "lower case": SERIAL.lower(),
    "full width": "".join(chr(ord(each) + 0xFEE0) for each in SERIAL),
    "short": SERIAL[:-1],
    "long": SERIAL + "2",
    "a line": SERIAL[:-1] + "\n",
    "a dash": SERIAL[:-1] + "-",
    "a space": SERIAL + " ",
}


@pytest.mark.parametrize("serial", NO_SERIALS.values(), ids=NO_SERIALS)
def test_what_is_printed_on_no_token_is_refused_before_all_else(page: Page, serial: str) -> None:
    page.stock()
    before = page.all_there_is()
    with pytest.raises(InvalidField, match=r"^serial: must be 12 characters of \[0-9A-Z\]$"):
        page.register(code(0), serial)
    assert page.all_there_is() == before
    assert not page.run("SELECT * FROM registrations")
    assert not page.vault.asked


def test_the_length_of_serials_is_the_banks(page: Page) -> None:
    page.change_rules(serial_length=8)
    page.stock("SKTS0001")
    with pytest.raises(InvalidField, match="must be 8 characters"):
        page.register(code(0))
    answer = page.register(code(0, "SKTS0001"), "SKTS0001")
    assert answer.verdict.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("when", "login_otp"), [(When.BY_CHOICE, None), (When.ALWAYS, True), (When.NEVER, False)]
)
def test_a_choice_is_told_where_there_is_one_and_only_there(
    page: Page, when: When, *, login_otp: bool | None
) -> None:
    _logins(page, when)
    page.stock()
    before = page.all_there_is()
    with pytest.raises(InvalidField, match=r"^login_otp: "):
        page.register(code(0), login_otp=login_otp)
    assert page.all_there_is() == before
    assert page.tries() == 0


def test_where_there_is_no_choice_none_is_kept(page: Page) -> None:
    _logins(page, When.ALWAYS)
    page.stock()
    assert page.register(code(0), login_otp=None).verdict.outcome is Outcome.ACCEPTED
    assert page.status() == Standing(Status.ACTIVE, serial=SERIAL)


@pytest.mark.parametrize("asks", [True, False])
def test_a_card_is_read_where_the_bank_asks_for_it_and_only_there(
    page: Page, *, asks: bool
) -> None:
    page.change_rules(grid_card=asks)
    page.stock()
    before = page.all_there_is()
    with pytest.raises(InvalidField, match=r"^grid_answer: "):
        page.register(code(0), grid_answer=None if asks else ANSWER)
    assert page.all_there_is() == before
    assert (page.tries(), page.grid.asked) == (0, [])


def test_a_bank_without_such_tokens_offers_none(page: Page) -> None:
    page.stock()
    page.change_policy(registration=None)
    before = page.all_there_is()
    with pytest.raises(NotOffered):
        page.register(code(0))
    assert page.all_there_is() == before
    del page.bank.policies[TENANT]
    with pytest.raises(NotIdentified):
        page.register(code(0))


def test_whatever_else_a_serial_is_the_answer_and_the_work_are_the_same(page: Page) -> None:
    page.change_rules(daily_tries=100)
    page.stock("BOUND0000001", state=State.ACTIVE, subscriber=NEXT)
    page.stock("BARRED000001", state=State.BARRED, subscriber="subscriber-3")
    page.stock("FOREIGN00001", tenant=OTHER_TENANT)
    page.stock("RETIRED00001")
    page.change_token("RETIRED00001", state="RETIRED", blob=b"", row_mac=b"")
    page.stock("UNCLAIMED001", Kind.SOFTWARE)
    page.change_token("UNCLAIMED001", not_after=1)
    serials = ("NOBODYS00001", "BOUND0000001", "BARRED000001", "FOREIGN00001", "RETIRED00001",
               "UNCLAIMED001")  # fmt: skip
    before = page.run("SELECT * FROM tokens")
    for serial in serials:
        page.vault.asked.clear()
        searches = page.vault.searches
        assert page.register(code(0, serial), serial) == UNKNOWN, serial
        assert (page.vault.asked, page.vault.searches - searches) == ([2], 1), serial
    assert page.run("SELECT * FROM tokens") == before
    # And as much for a token that is there.
    page.stock()
    page.vault.asked.clear()
    searches = page.vault.searches
    assert page.register(WRONG).verdict.outcome is Outcome.REJECTED
    assert (page.vault.asked, page.vault.searches - searches) == ([2], 1)


@pytest.mark.parametrize("state", [State.IN_STOCK, State.RETURNED])
def test_wrong_codes_count_on_the_token_until_the_staff_unlock_it(page: Page, state: State) -> None:
    page.change_rules(daily_tries=100)
    page.stock(state=state)
    answers = [page.register(WRONG, subscriber=name) for name in (SUBSCRIBER, NEXT, SUBSCRIBER)]
    assert [each.verdict.attempts_left for each in answers] == [2, 1, 0]
    assert {each.part for each in answers} == {Part.TOKEN}
    assert page.register(code(0)).verdict.outcome is Outcome.LOCKED
    assert (page.row()["state"], page.row()["subscriber"]) == (state, None)
    page.unlock()
    assert (page.row()["state"], page.row()["failures"]) == (state, 0)
    assert page.audited() == [("suzuki", "UNLOCK", SERIAL)]
    assert page.register(code(0)).verdict.outcome is Outcome.ACCEPTED


def test_a_token_in_stock_is_unlocked_only_if_something_is_spent(page: Page) -> None:
    with pytest.raises(NoToken):
        page.unlock()
    page.stock()
    before = page.all_there_is()
    with pytest.raises(NotLocked):
        page.unlock(BySerial(SERIAL))
    assert page.all_there_is() == before


def test_the_same_request_has_the_same_answer_whatever_came_of_it(page: Page) -> None:
    page.stock()
    asked = [(str(uuid4()), WRONG, SERIAL), (str(uuid4()), code(0), "NOBODYS00001"),
             (str(uuid4()), code(0), SERIAL)]  # fmt: skip
    told = [page.register(digits, serial, request_id=name) for name, digits, serial in asked]
    outcomes = [each.verdict.outcome for each in told]
    assert outcomes == [Outcome.REJECTED, Outcome.UNKNOWN_TOKEN, Outcome.ACCEPTED]
    assert [
        page.register(digits, serial, request_id=name) for name, digits, serial in asked
    ] == told
    # A success gives the customer his tries again, and a retry costs none.
    assert page.tries() == 0


def test_a_request_that_is_sent_twice_at_once_has_one_answer(page: Page) -> None:
    page.stock()
    name = str(uuid4())
    told = page.register(code(0), request_id=name)
    with page.sent_twice_at_once():
        assert page.register(code(0), request_id=name) == told


def test_it_has_it_also_when_the_customer_has_another_token_or_no_tries_by_then(page: Page) -> None:
    page.stock()
    name = str(uuid4())
    told = page.register(code(0), request_id=name)
    page.stock(SECOND)
    page.begin(code(1))
    assert page.complete(code(0, SECOND)).verdict.outcome is Outcome.ACCEPTED
    page.run("UPDATE registrations SET day_tries = ?", TRIES)
    assert page.register(code(0), request_id=name) == told
    assert page.status().serial == SECOND


def test_another_request_cannot_use_its_id(page: Page) -> None:
    page.stock()
    page.stock(SECOND)
    name = str(uuid4())
    page.register(code(0), request_id=name)
    before = page.all_there_is()
    with pytest.raises(RequestIdReused):
        page.register(code(1), request_id=name)
    with pytest.raises(RequestIdReused):
        page.register(code(0), request_id=name, login_otp=True)
    with pytest.raises(RequestIdReused):
        page.register(code(0), request_id=name, subscriber=NEXT)
    with pytest.raises(RequestIdReused):
        page.register(code(0), SECOND, request_id=name, subscriber=NEXT)
    assert page.all_there_is() == before


def test_whoever_has_a_token_registers_no_second_one(page: Page) -> None:
    page.registered()
    page.stock(SECOND)
    before = page.all_there_is()
    with pytest.raises(LiveToken):
        page.register(code(0, SECOND), SECOND)
    assert (page.all_there_is(), page.tries()) == (before, 0)
    # His own is bound: that is no other answer than for a stranger's.
    assert page.register(code(1)) == UNKNOWN


@pytest.mark.parametrize(
    ("state", "deadline", "refused"),
    [("ISSUED", 1 << 52, True), ("ISSUED", 1, False), ("VOID", 1 << 52, False)],
)
def test_an_issued_token_that_is_on_its_way_comes_first(
    page: Page, state: str, deadline: int, *, refused: bool
) -> None:
    page.stock()
    write_enrolment(
        page.bank.database, tenant=TENANT, subscriber=SUBSCRIBER, state=state, deadline=deadline
    )
    if refused:
        before = page.all_there_is()
        with pytest.raises(LiveToken):
            page.register(code(0))
        assert (page.all_there_is(), page.tries()) == (before, 0)
    else:
        assert page.register(code(0)).verdict.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    "change", [{"blob": b"a thief's"}, {"digits": 8}, {"t0": -1 << 60}], ids=str
)
def test_a_row_that_somebody_has_changed_is_vouched_for_by_nobody(
    page: Page, change: dict[str, bytes | int]
) -> None:
    page.stock()
    page.change_token(**change)
    before = page.all_there_is()
    with pytest.raises(RecordTampered):
        page.register(code(0))
    assert (page.all_there_is(), page.vault.looked) == (before, 0)


def test_a_second_seed_that_was_changed_is_not_taken_with_the_first(page: Page) -> None:
    page.stock(kind=Kind.SOFTWARE)
    page.run("UPDATE signing_seeds SET blob = ?", b"another customer's")
    before = page.all_there_is()
    with pytest.raises(RecordTampered):
        page.register(code(0))
    assert page.all_there_is() == before


def test_a_row_that_changes_meanwhile_is_not_bound_and_the_same_request_goes_on(page: Page) -> None:
    page.stock()
    name = str(uuid4())
    page.vault.meanwhile = lambda: page.change_token(generation=9)
    with pytest.raises(LeaseLost):
        page.register(code(0), request_id=name)
    assert page.row()["subscriber"] is None
    page.bank.expire_leases()
    # The try was made: a retry that comes to nothing does not give it back.
    page.vault.go_down()
    with pytest.raises(HsmUnavailable):
        page.register(code(0), request_id=name)
    assert page.tries() == 1
    page.vault.come_back()
    assert page.register(code(0), request_id=name).verdict.outcome is Outcome.ACCEPTED


def test_a_bank_that_wants_it_has_its_numbers_kept_as_digests(page: Page) -> None:
    page.change_policy(subscriber_names=SubscriberNames.HMAC)
    page.registered()
    page.choose(login_otp=True)
    assert page.log_in(code(1)) is Outcome.ACCEPTED
    page.stock(SECOND)
    page.begin(code(2))
    page.complete(code(0, SECOND))
    for table in ("tokens", "registrations", "replacements", "requests", "audit"):
        assert SUBSCRIBER not in str(page.run(f"SELECT * FROM {table}"))  # noqa: S608 - our own
    assert page.status().serial == SECOND
    assert page.terminate(code(1, SECOND)).outcome is Outcome.ACCEPTED


def test_an_order_shows_neither_the_customer_nor_digits() -> None:
    order = RegistrationOrder(str(uuid4()), SUBSCRIBER, SERIAL, Otp("482915"), None, ANSWER)
    for secret in (SUBSCRIBER, "482915", "0471", "9920"):
        assert secret not in repr(order)


def _logins(page: Page, when: When) -> None:
    page.change_policy(operations=OPERATIONS | {Operation.LOGIN: when})
