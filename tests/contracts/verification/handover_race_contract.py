# SPDX-License-Identifier: Apache-2.0
"""Who gets a token, and which one, when many want to at the same moment."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import claim_of, granted
from contracts.verification.consequence_bench import (
    NEW,
    NEXT,
    OTHER,
    STEP,
    acts,
    begin_exchange,
    everything,
    holder_of,
    in_stock,
    is_accepted,
    look,
    registering,
    replacing,
    row_of,
    stock,
    taken,
    terminating,
)
from kagimori.application.ports import (
    BySubscriber,
    Claim,
    Finding,
    Granted,
    GrantedUnknown,
    Overslept,
    SettleAnswer,
    Settlement,
)
from support.tokens import SERIAL, SUBSCRIBER, identity, token
from support.waiting import WaitedStore

CUSTOMERS = 16


def at_once(calls: Sequence[Callable[[], object]]) -> list[object]:
    """Make all calls at the same moment, each on a thread; return their answers in order."""
    together = threading.Barrier(len(calls))

    def made(call: Callable[[], object]) -> object:
        together.wait(60.0)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(made, calls))


def settling(bench: SqlBench, *claims: Claim) -> list[Callable[[], object]]:
    """Return what settles right codes of these claims, each as a process of its own."""
    settlements = [
        Settlement(claim, granted(bench, claim), Finding.FRESH, STEP, 0) for claim in claims
    ]

    def settled(settlement: Settlement) -> Callable[[], SettleAnswer]:
        store = bench.another_store()
        return lambda: store.commit([settlement], [])[0][0]

    return [settled(settlement) for settlement in settlements]


def offered(store: WaitedStore, claim: Claim, step: int) -> object:
    """Carry one claim to its end, as an engine does; None where there is no such token."""
    while True:
        _, (answer,) = store.commit([], [claim])
        if isinstance(answer, Granted):
            (settled,), _ = store.commit(
                [Settlement(claim, answer.token, Finding.FRESH, step, 0)], []
            )
            return settled
        if isinstance(answer, GrantedUnknown):
            return None


class HandoverRaceContract:
    def test_of_16_customers_one_registers_the_token(self, bench: SqlBench) -> None:
        stock(bench, in_stock())
        claims = [registering(bench, NEW, f"customer-{n:02d}") for n in range(CUSTOMERS)]
        stores = [bench.another_store() for _ in claims]
        answers = at_once(
            [
                lambda store=store, claim=claim, step=step: offered(store, claim, step)  # type: ignore[misc]
                for step, (store, claim) in enumerate(zip(stores, claims, strict=True))
            ]
        )
        winners = [place for place, answer in enumerate(answers) if is_accepted(answer)]
        assert len(winners) == 1, answers
        assert row_of(bench, NEW)["subscriber"] == f"customer-{winners[0]:02d}"
        assert bytes(row_of(bench, NEW)["row_mac"]) == f"mac of customer-{winners[0]:02d}".encode()
        assert acts(bench).count(("VERIFY", NEW, "REGISTRATION", "ACCEPTED")) == 1
        assert len(look(bench, "registrations")) == 1

    def test_of_8_tokens_a_customer_registers_one(self, bench: SqlBench) -> None:
        serials = [f"SKTS{number:08d}" for number in range(8)]
        stock(bench, *map(in_stock, serials))
        answers = at_once(settling(bench, *(registering(bench, serial) for serial in serials)))
        winners = [
            serial for serial, answer in zip(serials, answers, strict=True) if is_accepted(answer)
        ]
        assert len(winners) == 1, answers
        assert answers.count(Overslept()) == len(serials) - 1
        assert holder_of(bench) == [(winners[0], "ACTIVE")]
        states = Counter(row["state"] for row in bench.rows("tokens"))
        assert states == {"ACTIVE": 1, "IN_STOCK": len(serials) - 1}

    def test_of_two_exchanges_of_one_beginning_one_is_completed(self, bench: SqlBench) -> None:
        stock(bench, token(), in_stock(), in_stock(OTHER))
        begin_exchange(bench)
        answers = at_once(settling(bench, replacing(bench), replacing(bench, OTHER)))
        assert sorted(map(is_accepted, answers)) == [False, True]
        (exchange,) = look(bench, "replacements")
        assert holder_of(bench) == [(exchange["serial_after"], "ACTIVE")]
        states = Counter(row["state"] for row in bench.rows("tokens"))
        assert states == {"ACTIVE": 1, "RETURNED": 1, "IN_STOCK": 1}

    def test_a_login_with_the_old_token_comes_before_the_exchange_or_not_at_all(
        self, bench: SqlBench
    ) -> None:
        stock(bench, token(), in_stock())
        begin_exchange(bench)
        exchange, login = at_once(settling(bench, replacing(bench), claim_of()))
        assert is_accepted(exchange)
        assert holder_of(bench) == [(NEW, "ACTIVE")]
        old = row_of(bench, SERIAL)
        assert (old["state"], old["lease"]) == ("RETURNED", None)
        assert old["last_step"] == (STEP if is_accepted(login) else -1)

    def test_an_exchange_and_a_termination_are_not_both_good(self, bench: SqlBench) -> None:
        stock(bench, token(), in_stock())
        begin_exchange(bench)
        exchange, termination = at_once(settling(bench, replacing(bench), terminating(bench)))
        assert is_accepted(exchange) != is_accepted(termination)
        held = [(NEW, "ACTIVE")] if is_accepted(exchange) else []
        assert holder_of(bench) == held
        assert row_of(bench, SERIAL)["state"] == "RETURNED"

    def test_one_settlement_twice_is_one_acceptance(self, bench: SqlBench) -> None:
        stock(bench, token(), in_stock())
        begin_exchange(bench)
        claim = replacing(bench)
        settlement = Settlement(claim, granted(bench, claim), Finding.FRESH, STEP, 0)
        first, second = bench.store.commit([settlement, settlement], [])[0]
        assert is_accepted(first)
        before = everything(bench)
        assert second == Overslept()
        assert bench.store.commit([settlement], [])[0] == [Overslept()]
        assert everything(bench) == before

    @pytest.mark.parametrize("turn", range(3))
    def test_exchanges_beside_many_logins_wait_for_nobody_who_waits_for_them(
        self, bench: SqlBench, turn: int
    ) -> None:
        names = [f"customer-{turn}-{n:02d}" for n in range(CUSTOMERS)]
        olds = [
            token(identity(token_id=f"token-{name}", serial=f"OLD{place:02d}", subscriber=name))
            for place, name in enumerate(names)
        ]
        stock(bench, *olds, *(in_stock(f"NEW{place:02d}") for place in range(CUSTOMERS)))
        for place, name in enumerate(names):
            begin_exchange(bench, f"OLD{place:02d}", subscriber=name)
        exchanges = [
            replacing(bench, f"NEW{place:02d}", f"OLD{place:02d}", subscriber=name)
            for place, name in enumerate(names)
        ]
        logins = [claim_of(BySubscriber(name)) for name in names]
        batches = [
            [Settlement(claim, granted(bench, claim), Finding.FRESH, STEP, 0) for claim in claims]
            for claims in (exchanges[::2], exchanges[1::2][::-1], logins[::2][::-1], logins[1::2])
        ]
        stores = [bench.another_store() for _ in batches]
        answers = at_once(
            [
                lambda store=store, batch=batch: store.commit(batch, [])[0]  # type: ignore[misc]
                for store, batch in zip(stores, batches, strict=True)
            ]
        )
        assert all(is_accepted(answer) for batch in answers[:2] for answer in batch)  # type: ignore[attr-defined]
        held = {row["subscriber"]: row["serial"] for row in bench.rows("tokens")}
        assert [held[name] for name in names] == [f"NEW{place:02d}" for place in range(CUSTOMERS)]

    def test_two_customers_of_whom_each_wants_what_the_other_gives_up(
        self, bench: SqlBench
    ) -> None:
        theirs = identity(token_id="token-0", serial=OTHER, subscriber=NEXT)
        stock(bench, token(), token(theirs), in_stock())
        begin_exchange(bench)
        begin_exchange(bench, OTHER, subscriber=NEXT)
        # Who had it by then has given it up: what was prepared before is about another row.
        assert taken(bench, NEW).subscriber == SUBSCRIBER
        (first,) = at_once(settling(bench, replacing(bench)))
        assert is_accepted(first)
        (second,) = at_once(
            settling(bench, replacing(bench, SERIAL, OTHER, subscriber=NEXT)),
        )
        assert is_accepted(second)
        assert (holder_of(bench), holder_of(bench, NEXT)) == (
            [(NEW, "ACTIVE")],
            [(SERIAL, "ACTIVE")],
        )
