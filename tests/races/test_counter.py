# SPDX-License-Identifier: Apache-2.0
"""Hardware tokens under races: one customer each, and nothing of the one before him."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from uuid import uuid4

import pytest

from fakes.vault import FakeVault
from kagimori.application.inventory.desk import Condition
from races.enrolling import CALLERS, PROCESSES, Meeting, at_once, kind_of
from races.numbers import NUMBERS
from support.banks.bank import Bank
from support.banks.counter import NEXT, Counter, code
from support.databases.database import AnyDatabase
from support.tokens import SERIAL, SUBSCRIBER

pytestmark = pytest.mark.timeout(NUMBERS.longest_test)

OPERATIONS = ["LOGIN", "ACTIVATION"]


@pytest.fixture
def counters(database: AnyDatabase) -> Iterator[list[Counter]]:
    """Return the counters of one bank, each in front of a process of its own."""
    vault = FakeVault()
    with ExitStack() as stack:
        counters = []
        for _ in range(PROCESSES):
            bank = Bank(database, vault)
            stack.callback(bank.close)
            counters.append(Counter(bank))
        yield counters


# --- one customer, one token -------------------------------------------------------


def test_of_16_customers_who_are_handed_one_token_at_once_one_has_it(
    counters: list[Counter], monkeypatch: pytest.MonkeyPatch
) -> None:
    counters[0].stock()
    all_look_before_any_writes(counters, monkeypatch)
    customers = [f"customer-{number}" for number in range(CALLERS)]
    kinds = at_once(
        [
            partial(kind_of, partial(handing_out, counter_of(counters, number), customer, SERIAL))
            for number, customer in enumerate(customers)
        ]
    )
    assert Tally(kinds) == {"ASSIGNED": 1, "NOT_IN_STOCK": CALLERS - 1}
    holder = customers[kinds.index("ASSIGNED")]
    assert counters[0].row()["subscriber"] == holder
    # The MAC is over this customer's row, and none of the others'.
    assert counters[-1].activate(code(0), holder) == "ACCEPTED"
    assert counters[0].audited() == [("suzuki", "ASSIGN", SERIAL)]


def test_of_16_tokens_that_a_customer_is_handed_at_once_he_has_one(
    counters: list[Counter], monkeypatch: pytest.MonkeyPatch
) -> None:
    serials = [f"SKTS{number:08d}" for number in range(CALLERS)]
    for serial in serials:
        counters[0].stock(serial)
    all_look_before_any_writes(counters, monkeypatch)
    kinds = at_once(
        [
            partial(kind_of, partial(handing_out, counter_of(counters, number), SUBSCRIBER, serial))
            for number, serial in enumerate(serials)
        ]
    )
    assert Tally(kinds) == {"ASSIGNED": 1, "LIVE_TOKEN": CALLERS - 1}
    mine = serials[kinds.index("ASSIGNED")]
    assert [serial for serial in serials if counters[0].row(serial)["subscriber"]] == [mine]
    assert counters[-1].activate(code(0, mine)) == "ACCEPTED"


def test_the_same_token_handed_to_the_same_customer_16_times_at_once_is_handed_out_once(
    counters: list[Counter], monkeypatch: pytest.MonkeyPatch
) -> None:
    counters[0].stock()
    all_look_before_any_writes(counters, monkeypatch)
    kinds = at_once(
        [
            partial(kind_of, partial(handing_out, counter_of(counters, number), SUBSCRIBER, SERIAL))
            for number in range(CALLERS)
        ]
    )
    assert Tally(kinds) == {"ASSIGNED": CALLERS}
    assert counters[0].audited() == [("suzuki", "ASSIGN", SERIAL)]


# --- the customer before -----------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_code_that_is_being_searched_for_when_its_token_comes_back_is_not_accepted(
    counters: list[Counter], operation: str
) -> None:
    counter, other = counters[:2]
    handed_out(counter, operation)
    request_id = str(uuid4())
    counter.bank.store.before_next_settle(other.take_back)
    assert offered(counter, operation, request_id) == "LEASE_LOST"
    counter.bank.expire_leases()
    assert offered(counter, operation, request_id) in {"UNKNOWN_TOKEN", "NO_TOKEN"}
    row = counter.row()
    assert (row["state"], row["subscriber"], row["lease"]) == ("RETURNED", None, None)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nor_is_it_when_the_next_customer_has_the_token_by_then(
    counters: list[Counter], operation: str
) -> None:
    counter, other = counters[:2]
    handed_out(counter, operation)
    before = counter.row()["last_step"]

    def pass_it_on() -> None:
        other.take_back()
        other.assign(NEXT)
        if operation == "LOGIN":
            # In use by now, as if its new holder had a code of his own accepted.
            other.change(state="ACTIVE")

    counter.bank.store.before_next_settle(pass_it_on)
    assert offered(counter, operation, str(uuid4())) == "LEASE_LOST"
    row = counter.row()
    assert (row["subscriber"], row["last_step"], row["lease"]) == (NEXT, before, None)
    assert row["state"] == ("ACTIVE" if operation == "LOGIN" else "ASSIGNED")


def test_what_a_customer_has_spent_stays_spent_for_the_next(counters: list[Counter]) -> None:
    counter, other = counters[:2]
    counter.stock()
    counter.assign()
    spent = [code(0), code(1), code(4)]
    assert counter.activate(spent[0]) == "ACCEPTED"
    assert [counter.log_in(each) for each in spent[1:]] == ["ACCEPTED", "ACCEPTED"]
    other.take_back()
    other.assign(NEXT)
    for each in spent:
        assert counter.activate(each, NEXT) in {"REJECTED", "REPLAYED"}
    assert counter.activate(code(5), NEXT) == "ACCEPTED"
    for each in spent:
        assert other.log_in(each, NEXT) in {"REJECTED", "REPLAYED"}


def test_a_seed_that_is_destroyed_meanwhile_accepts_nothing(counters: list[Counter]) -> None:
    counter, other = counters[:2]
    handed_out(counter, "LOGIN")
    counter.bank.store.before_next_settle(lambda: other.take_back(Condition.DEFECTIVE))
    assert offered(counter, "LOGIN", str(uuid4())) == "LEASE_LOST"
    row = counter.row()
    assert (row["state"], bytes(row["blob"]), row["last_step"]) == ("DEFECTIVE", b"", 0)


# --- what is made to happen --------------------------------------------------------


def all_look_before_any_writes(counters: list[Counter], monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its look at the token and its write a counter asks the HSM for the MAC."""
    meeting = Meeting(CALLERS)
    for counter in counters:
        meeting.before(monkeypatch, counter.macs, counter.macs.row_macs)


def counter_of(counters: list[Counter], number: int) -> Counter:
    return counters[number % len(counters)]


def handing_out(counter: Counter, customer: str, serial: str) -> str:
    return str(counter.assign(customer, serial).token.state)


def handed_out(counter: Counter, operation: str) -> None:
    """Let the customer have the token; for a login it is in use, by its first code."""
    counter.stock()
    counter.assign()
    if operation == "LOGIN":
        assert counter.activate(code(0)) == "ACCEPTED"


def offered(counter: Counter, operation: str, request_id: str) -> str:
    """Return what the customer's next code comes to."""
    if operation == "LOGIN":
        return kind_of(lambda: str(counter.log_in(code(1), request_id=request_id)))
    return kind_of(lambda: str(counter.activate(code(0), request_id=request_id)))
