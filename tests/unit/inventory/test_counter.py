# SPDX-License-Identifier: Apache-2.0
"""What the bank's staff hear at the counter: tokens out, tokens back, and every refusal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kagimori.application.inventory.desk import Condition
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import (
    AuthorityError,
    HsmUnavailable,
    LiveToken,
    NotAssigned,
    NotHardware,
    NotIdentified,
    NotInStock,
    NoToken,
    RecordTampered,
    TokenBusy,
    TokenExpired,
    UnknownSerial,
)
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome
from kagimori.domain.tenant import SubscriberNames
from kagimori.domain.token import Kind
from support.banks.bank import Bank
from support.banks.counter import NEXT, Counter, code
from support.databases.database import TestDatabase
from support.databases.enrolments import write_enrolment
from support.tokens import OTHER_TENANT, SERIAL, SUBSCRIBER, TENANT

SECOND = "2V0716016FK3"
BOUND = {State.ASSIGNED, State.BARRED, State.ACTIVE, State.LOCKED}
NOW = int(time.time() * 1_000_000)
HOUR = 3_600_000_000

Ask = Callable[[Counter], object]


def hand_out(counter: Counter) -> object:
    return counter.assign()


def take_back(counter: Counter) -> object:
    return counter.take_back()


def condemn(counter: Counter) -> object:
    return counter.take_back(Condition.DEFECTIVE)


def look(counter: Counter) -> object:
    return counter.token()


EVERY_CALL: list[Ask] = [hand_out, take_back, condemn, look]


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    database = TestDatabase(tmp_path)
    bank = Bank(database)
    yield Counter(bank)
    bank.close()
    database.close()


def refused(counter: Counter, ask: Ask, error: type[AuthorityError]) -> None:
    """See it refused, with nothing changed."""
    before = [dict(row) for row in counter.bank.database.run("SELECT * FROM tokens")]
    audited = counter.audited()
    with pytest.raises(error):
        ask(counter)
    assert [dict(row) for row in counter.bank.database.run("SELECT * FROM tokens")] == before
    assert counter.audited() == audited


# --- out, and back --------------------------------------------------------------


def test_a_token_is_handed_out_taken_into_use_and_comes_back(counter: Counter) -> None:
    counter.stock()
    assert counter.assign().token.state is State.ASSIGNED
    assert counter.log_in(code(0)) is Outcome.NOT_ACTIVE
    assert counter.activate(code(0)) is Outcome.ACCEPTED
    assert counter.log_in(code(1)) is Outcome.ACCEPTED
    assert counter.token().token.state is State.ACTIVE
    assert counter.take_back().token.state is State.RETURNED
    assert counter.log_in(code(2)) is Outcome.UNKNOWN_TOKEN
    assert counter.audited() == [("suzuki", "ASSIGN", SERIAL), ("suzuki", "RETURN", SERIAL)]


def test_no_code_of_the_customer_before_is_accepted_from_the_next(counter: Counter) -> None:
    counter.stock()
    counter.assign()
    counter.activate(code(0))
    counter.log_in(code(3))
    counter.take_back()
    counter.assign(NEXT)
    assert counter.row()["last_step"] == 3
    for step in range(4):
        assert counter.activate(code(step), NEXT) in {Outcome.REJECTED, Outcome.REPLAYED}
    assert counter.activate(code(4), NEXT) is Outcome.ACCEPTED
    assert counter.log_in(code(5)) is Outcome.UNKNOWN_TOKEN


def test_a_row_has_its_own_mac_with_every_holder(counter: Counter) -> None:
    counter.stock()
    macs = [bytes(counter.row()["row_mac"])]
    hands: list[Callable[[], object]] = [
        counter.assign,
        counter.take_back,
        lambda: counter.assign(NEXT),
    ]
    for goes_on in hands:
        goes_on()
        macs.append(bytes(counter.row()["row_mac"]))
    stock, mine, back, theirs = macs
    assert stock == back
    assert len({stock, mine, theirs}) == 3


def test_the_same_again_has_the_same_answer(counter: Counter) -> None:
    counter.stock()
    first = counter.assign()
    assert counter.assign().token.state is first.token.state
    counter.activate(code(0))
    assert counter.assign().token.state is State.ACTIVE
    assert counter.take_back().token.state is State.RETURNED
    assert counter.take_back().token.state is State.RETURNED
    assert counter.take_back(Condition.DEFECTIVE).token.state is State.DEFECTIVE
    assert counter.take_back(Condition.DEFECTIVE).token.state is State.DEFECTIVE
    actions = [action for _, action, _ in counter.audited()]
    assert actions == ["ASSIGN", "RETURN", "CONDEMN"]


def test_a_locked_token_comes_back_with_its_attempts(counter: Counter) -> None:
    counter.stock()
    counter.assign()
    counter.activate(code(0))
    counter.change(state="LOCKED", failures=5, unlock_failures=12)
    counter.take_back()
    counter.assign(NEXT)
    assert counter.activate(code(1), NEXT) is Outcome.ACCEPTED


def test_a_defective_token_has_no_seed_any_more(counter: Counter) -> None:
    counter.stock()
    counter.assign()
    counter.take_back(Condition.DEFECTIVE)
    row = counter.row()
    assert (bytes(row["blob"]), bytes(row["row_mac"]), row["subscriber"]) == (b"", b"", None)
    refused(counter, hand_out, NotInStock)
    refused(counter, take_back, NotAssigned)


def test_a_customers_number_is_kept_as_the_tenant_wants_it(counter: Counter) -> None:
    bank = counter.bank
    policy = bank.policies[TENANT]
    object.__setattr__(policy, "subscriber_names", SubscriberNames.HMAC)
    counter.stock()
    counter.assign()
    kept = counter.row()["subscriber"]
    assert len(kept) == 64
    assert SUBSCRIBER not in kept
    assert counter.assign().token.state is State.ASSIGNED
    assert counter.activate(code(0)) is Outcome.ACCEPTED


def test_what_is_told_of_a_token_shows_no_customer(counter: Counter) -> None:
    counter.stock()
    told = counter.assign()
    assert SUBSCRIBER not in repr(told)
    assert SUBSCRIBER not in str(counter.bank.database.run("SELECT * FROM audit"))


# --- whom it is refused to ------------------------------------------------------


@pytest.mark.parametrize("ask", EVERY_CALL)
def test_a_serial_that_nobody_has_or_another_bank_is_one_refusal(
    counter: Counter, ask: Ask
) -> None:
    refused(counter, ask, UnknownSerial)
    counter.stock(tenant=OTHER_TENANT)
    refused(counter, ask, UnknownSerial)


@pytest.mark.parametrize("ask", EVERY_CALL)
def test_a_software_token_has_nothing_to_do_with_the_counter(counter: Counter, ask: Ask) -> None:
    counter.stock(kind=Kind.SOFTWARE, subscriber=SUBSCRIBER)
    refused(counter, ask, NotHardware)


@pytest.mark.parametrize("state", sorted(set(State) - {State.IN_STOCK, State.RETURNED}))
def test_what_is_not_in_stock_is_given_to_nobody(counter: Counter, state: State) -> None:
    counter.stock(subscriber=NEXT)
    if state in BOUND:
        counter.change(state=state)
    else:
        counter.change(state=state, subscriber=None, blob="", row_mac="")
    refused(counter, hand_out, NotInStock)


def test_whoever_has_a_token_gets_no_second_one(counter: Counter) -> None:
    counter.stock()
    counter.stock(SECOND)
    counter.assign()
    refused(counter, lambda counter: counter.assign(serial=SECOND), LiveToken)
    counter.take_back()
    assert counter.assign(serial=SECOND).token.state is State.ASSIGNED


def test_whoever_waits_for_an_apps_token_gets_no_other(counter: Counter) -> None:
    counter.stock()
    write_enrolment(counter.bank.database, tenant=TENANT, subscriber=SUBSCRIBER)
    refused(counter, hand_out, LiveToken)
    counter.bank.database.run("UPDATE enrollments SET deadline = 1")
    assert counter.assign().token.state is State.ASSIGNED
    (row,) = counter.bank.database.run("SELECT state, generation FROM enrollments")
    assert tuple(row.values()) == ("ISSUED", 3)


@pytest.mark.parametrize(
    ("not_after", "expired"),
    [(NOW - HOUR, True), (NOW + HOUR, False)],
    ids=["an hour ago", "in an hour"],
)
def test_a_token_whose_time_is_over_is_given_to_nobody(
    counter: Counter, not_after: int, *, expired: bool
) -> None:
    counter.stock()
    counter.change(not_after=not_after)
    assert counter.token().is_expired is expired
    if expired:
        refused(counter, hand_out, TokenExpired)
    else:
        counter.assign()


def test_a_token_whose_time_has_not_begun_may_be_handed_out(counter: Counter) -> None:
    counter.stock()
    counter.change(not_before=NOW + HOUR)
    assert counter.assign().token.state is State.ASSIGNED


def test_a_token_that_expired_with_its_customer_comes_back(counter: Counter) -> None:
    counter.stock()
    counter.assign()
    counter.change(not_after=NOW - HOUR)
    assert counter.take_back().is_expired
    assert counter.row()["state"] == "RETURNED"
    assert not counter.take_back(Condition.DEFECTIVE).is_expired


def test_what_no_customer_has_is_not_taken_back(counter: Counter) -> None:
    counter.stock()
    refused(counter, take_back, NotAssigned)
    assert counter.take_back(Condition.DEFECTIVE).token.state is State.DEFECTIVE


@pytest.mark.parametrize("ask", [take_back, condemn])
def test_a_retired_token_stays_retired(counter: Counter, ask: Ask) -> None:
    counter.stock()
    counter.change(state="RETIRED", blob="", row_mac="")
    refused(counter, ask, NotAssigned)


def test_a_tenant_that_is_served_no_more_hands_nothing_out(counter: Counter) -> None:
    counter.stock()
    counter.caller = Caller("99999999", "suzuki")
    refused(counter, hand_out, NotIdentified)


# --- the HSM's part -------------------------------------------------------------


def test_an_hsm_that_is_away_changes_nothing(counter: Counter) -> None:
    counter.stock()
    counter.bank.vault.go_down()
    refused(counter, hand_out, HsmUnavailable)
    counter.bank.vault.come_back()
    counter.assign()
    counter.bank.vault.go_down()
    refused(counter, take_back, HsmUnavailable)
    # To destroy a seed no key is needed.
    assert counter.take_back(Condition.DEFECTIVE).token.state is State.DEFECTIVE


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE tokens SET blob = (SELECT blob FROM tokens WHERE serial = '2V0716016FK3')",
        "UPDATE tokens SET row_mac = (SELECT row_mac FROM tokens WHERE serial = '2V0716016FK3')",
        "UPDATE tokens SET digits = 8",
        "UPDATE tokens SET custody = 'GENERATED_IN_HSM'",
        "UPDATE tokens SET token_id = token_id || 'x'",
    ],
)
def test_a_row_that_somebody_edited_gets_no_fresh_mac(counter: Counter, edit: str) -> None:
    counter.stock()
    counter.stock(SECOND)
    counter.bank.database.run(f"{edit} WHERE serial = '{SERIAL}'")
    refused(counter, hand_out, RecordTampered)


def test_a_row_that_somebody_bound_to_another_customer_is_not_vouched_for(
    counter: Counter,
) -> None:
    counter.stock()
    counter.assign()
    counter.change(subscriber=NEXT)
    refused(counter, take_back, RecordTampered)
    assert counter.take_back(Condition.DEFECTIVE).token.state is State.DEFECTIVE


@pytest.mark.parametrize("error", [OverflowError(), ValueError()], ids=repr)
def test_a_value_that_no_row_has_was_written_by_somebody_else(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def refuse(_: object) -> list[bytes]:
        raise error

    counter.stock()
    monkeypatch.setattr(counter.macs, "row_macs", refuse)
    refused(counter, hand_out, RecordTampered)


# --- others at the same time ----------------------------------------------------


def test_a_token_that_changes_meanwhile_is_read_again(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.stock()
    before_next_macs(counter, monkeypatch, lambda: counter.change(state="RETURNED", last_step=7))
    assert counter.assign().token.last_step == 7
    assert counter.row()["state"] == "ASSIGNED"


def test_the_same_customer_handed_the_same_token_meanwhile_is_one_assignment(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.stock()
    other = Counter(Bank(counter.bank.database, counter.bank.vault))
    before_next_macs(counter, monkeypatch, other.assign)
    try:
        assert counter.assign().token.state is State.ASSIGNED
    finally:
        other.bank.close()
    assert len(counter.audited()) == 1


def test_who_is_overtaken_for_ever_is_told_to_come_again(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.stock()
    work = counter.macs.row_macs

    async def overtaken(identities: object) -> list[bytes]:
        counter.bank.database.run("UPDATE tokens SET generation = generation + 1")
        return await work(identities)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(counter.macs, "row_macs", overtaken)
    with pytest.raises(TokenBusy):
        counter.assign()


def before_next_macs(
    counter: Counter, patch: pytest.MonkeyPatch, happening: Callable[[], object]
) -> None:
    """Let something happen between the look at a token and its change."""
    work, waiting = counter.macs.row_macs, [happening]

    async def met(identities: object) -> list[bytes]:
        if waiting:
            await asyncio.to_thread(waiting.pop())
        return await work(identities)  # type: ignore[arg-type] # passed on

    patch.setattr(counter.macs, "row_macs", met)


def test_a_customer_without_a_token_activates_none(counter: Counter) -> None:
    counter.stock()
    with pytest.raises(NoToken):
        counter.activate(code(0))
