# SPDX-License-Identifier: Apache-2.0
"""Serial numbers under races: one customer each, one token each, and both move or neither."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from uuid import uuid4

import pytest

from fakes.vault import FakeVault
from races.enrolling import PROCESSES, at_once
from races.exchanging import (
    beginning,
    give,
    logging_in,
    registering,
    replacing,
    seal_anew,
    to_register,
    to_replace,
    tokens_of,
)
from races.numbers import NUMBERS
from support.banks.bank import Bank
from support.banks.counter import Counter, code
from support.databases.database import AnyDatabase
from support.tokens import SERIAL, SUBSCRIBER

pytestmark = pytest.mark.timeout(NUMBERS.longest_test)

NEW = "SKTS00000001"
"""A token in stock; the customer's own is `SERIAL`."""
AT_ONCE = 8
"""Callers with a code each: fewer than the window looks ahead."""
LOGINS = 4
"""Fewer than would lock a token, whichever of their codes comes first."""
NOT_NOW = {"UNKNOWN_TOKEN", "LEASE_LOST", "TOKEN_BUSY"}


@pytest.fixture
def counters(database: AnyDatabase) -> Iterator[list[Counter]]:
    """Return what serves one bank's customers, each in a process of its own."""
    vault = FakeVault()
    with ExitStack() as stack:
        counters = []
        for _ in range(PROCESSES):
            bank = Bank(database, vault)
            stack.callback(bank.close)
            counters.append(Counter(bank))
        yield counters


@pytest.fixture
def exchange(counters: list[Counter]) -> Counter:
    """Return a process whose customer has begun an exchange, and a token in stock."""
    counter = counters[0]
    give(counter)
    counter.stock(NEW)
    assert beginning(counter, code(0)) == "ACCEPTED"
    return counter


# --- one customer, one token -------------------------------------------------------


def test_of_8_customers_who_register_one_token_at_once_one_has_it(
    counters: list[Counter],
) -> None:
    counters[0].stock(NEW)
    customers = [f"customer-{number}" for number in range(AT_ONCE + 1)]
    # All have read the token, and have their MACs, before any of their codes is judged.
    prepared = [to_register(counters[0], NEW, customer) for customer in customers]
    kinds = at_once(
        [
            partial(registering, counter_of(counters, number), prepared[number], code(number, NEW))
            for number in range(AT_ONCE)
        ]
    )
    assert Tally(kinds)["ACCEPTED"] == 1, kinds
    assert set(kinds) <= {"ACCEPTED", *NOT_NOW}
    # A later code, and an earlier look: the token is somebody's by now.
    assert registering(counters[1], prepared[-1], code(AT_ONCE, NEW)) == "UNKNOWN_TOKEN"
    holder = customers[kinds.index("ACCEPTED")]
    assert counters[0].row(NEW)["subscriber"] == holder
    # The MAC is over this customer's row, and none of the others'.
    assert logging_in(counters[2], code(AT_ONCE + 1, NEW), holder) == "ACCEPTED"


def test_of_8_tokens_that_a_customer_registers_at_once_he_has_one(
    counters: list[Counter],
) -> None:
    serials = [f"SKTS{number:08d}" for number in range(AT_ONCE)]
    for serial in serials:
        counters[0].stock(serial)
    prepared = [to_register(counters[0], serial) for serial in serials]
    kinds = at_once(
        [
            partial(registering, counter_of(counters, number), each, code(0, serial))
            for number, (each, serial) in enumerate(zip(prepared, serials, strict=True))
        ]
    )
    assert Tally(kinds) == {"ACCEPTED": 1, "LEASE_LOST": AT_ONCE - 1}
    mine = serials[kinds.index("ACCEPTED")]
    assert tokens_of(counters[0]) == [(mine, "ACTIVE")]
    assert logging_in(counters[1], code(1, mine)) == "ACCEPTED"


def test_one_request_is_one_registration(counters: list[Counter]) -> None:
    counters[0].stock(NEW)
    prepared, request_id = to_register(counters[0], NEW), str(uuid4())
    kinds = at_once(
        [
            partial(registering, counter_of(counters, number), prepared, code(0, NEW), request_id)
            for number in range(AT_ONCE)
        ]
    )
    assert Tally(kinds) == {"ACCEPTED": AT_ONCE}
    rows = counters[0].bank.database.run("SELECT last_number FROM receipts")
    assert [row["last_number"] for row in rows] == [1]


# --- both tokens move, or neither --------------------------------------------------


def condemned(counter: Counter) -> None:
    counter.bank.database.run(
        "UPDATE tokens SET state = 'DEFECTIVE', blob = '', generation = generation + 1,"
        " lease = NULL, lease_until = NULL WHERE serial = ?",
        NEW,
    )


def handed_out(counter: Counter) -> None:
    counter.assign("subscriber-2", NEW)


@pytest.mark.parametrize("meanwhile", [condemned, handed_out])
def test_an_exchange_whose_new_token_is_gone_meanwhile_leaves_the_old_one_in_use(
    counters: list[Counter], exchange: Counter, meanwhile: Callable[[Counter], None]
) -> None:
    prepared = to_replace(exchange, NEW, SERIAL)
    exchange.bank.store.before_next_settle(partial(meanwhile, counters[1]))
    assert replacing(exchange, prepared, code(0, NEW)) == "LEASE_LOST"
    assert tokens_of(exchange) == [(SERIAL, "ACTIVE")]
    assert logging_in(counters[2], code(1)) == "ACCEPTED"


def test_nor_is_a_token_taken_for_one_that_is_gone_meanwhile(
    counters: list[Counter], exchange: Counter
) -> None:
    prepared = to_replace(exchange, NEW, SERIAL)
    exchange.bank.store.before_next_settle(partial(counters[1].take_back, serial=SERIAL))
    assert replacing(exchange, prepared, code(0, NEW)) == "LEASE_LOST"
    assert tokens_of(exchange) == []
    assert exchange.row(NEW)["state"] == "IN_STOCK"


def test_of_two_exchanges_at_once_one_is_completed(
    counters: list[Counter], exchange: Counter
) -> None:
    others = [f"SKTS{number:08d}" for number in range(2, AT_ONCE + 2)]
    for serial in others:
        exchange.stock(serial)
    prepared = [to_replace(exchange, serial, SERIAL) for serial in others]
    kinds = at_once(
        [
            partial(replacing, counter_of(counters, number), each, code(0, serial))
            for number, (each, serial) in enumerate(zip(prepared, others, strict=True))
        ]
    )
    assert Tally(kinds) == {"ACCEPTED": 1, "LEASE_LOST": AT_ONCE - 1}
    mine = others[kinds.index("ACCEPTED")]
    assert tokens_of(exchange) == [(mine, "ACTIVE")]
    assert exchange.row(SERIAL)["state"] == "RETURNED"
    assert logging_in(counters[1], code(1, mine)) == "ACCEPTED"


def test_a_login_that_is_being_searched_for_is_not_good_after_the_exchange(
    counters: list[Counter], exchange: Counter
) -> None:
    prepared = to_replace(exchange, NEW, SERIAL)

    def exchanged() -> None:
        assert replacing(counters[1], prepared, code(0, NEW)) == "ACCEPTED"

    exchange.bank.store.before_next_settle(exchanged)
    assert logging_in(exchange, code(1)) == "LEASE_LOST"
    assert tokens_of(exchange) == [(NEW, "ACTIVE")]
    assert exchange.row(SERIAL)["last_step"] == 0


def test_logins_beside_an_exchange_come_before_it_or_not_at_all(
    counters: list[Counter], exchange: Counter
) -> None:
    prepared = to_replace(exchange, NEW, SERIAL)
    kinds = at_once(
        [
            partial(replacing, counters[0], prepared, code(0, NEW)),
            *(
                partial(logging_in, counter_of(counters, number), code(number))
                for number in range(1, LOGINS + 1)
            ),
        ]
    )
    assert kinds[0] == "ACCEPTED"
    # Whoever comes after the exchange has the wrong token's code.
    assert set(kinds) <= {"ACCEPTED", "REPLAYED", "REJECTED", *NOT_NOW}
    assert tokens_of(exchange) == [(NEW, "ACTIVE")]
    good = [number for number, kind in enumerate(kinds[1:], 1) if kind == "ACCEPTED"]
    assert exchange.row(SERIAL)["last_step"] == max(good, default=0)


# --- the token as it was read ------------------------------------------------------


def touched(counter: Counter, serial: str) -> None:
    counter.bank.database.run(
        "UPDATE tokens SET generation = generation + 1 WHERE serial = ?", serial
    )


@pytest.mark.parametrize("meanwhile", [seal_anew, touched])
def test_a_token_that_is_another_row_meanwhile_is_not_taken(
    counters: list[Counter], meanwhile: Callable[[Counter, str], None]
) -> None:
    counter, other = counters[:2]
    counter.stock(NEW)
    prepared, request_id = to_register(counter, NEW), str(uuid4())
    counter.bank.store.before_next_settle(partial(meanwhile, other, NEW))
    assert registering(counter, prepared, code(0, NEW), request_id) == "LEASE_LOST"
    assert tokens_of(counter) == []
    # Prepared anew the same request goes on, and the customer's row is whole.
    counter.bank.expire_leases()
    anew = to_register(counter, NEW)
    assert registering(counter, anew, code(0, NEW), request_id) == "ACCEPTED"
    assert tokens_of(counter, SUBSCRIBER) == [(NEW, "ACTIVE")]
    assert logging_in(other, code(1, NEW)) == "ACCEPTED"


def counter_of(counters: list[Counter], number: int) -> Counter:
    return counters[number % len(counters)]
