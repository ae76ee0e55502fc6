# SPDX-License-Identifier: Apache-2.0
"""What every `RegistrationStore` must do, beside a `VerificationStore` of the same customers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import ask, claim_of, verdict
from kagimori.adapters.sql.enrollment.registrations import SqlRegistrations
from kagimori.adapters.sql.inventory.desk import SqlDesk
from kagimori.application.enrollment.ports import Customer, Done, HeldToken, Stale
from kagimori.application.ports import BySerial, BySubscriber, Finding, GrantedUnknown
from kagimori.application.registration.ports import Choice, Exchange, Tried, Try
from kagimori.domain.calendar import day_of
from kagimori.domain.lifecycle import IN_STOCK, State
from kagimori.domain.policy import Operation
from kagimori.domain.token import Token
from support.banks.desk import noonday_zone
from support.databases.database import Value
from support.tokens import OTHER_TENANT, SERIAL, SUBSCRIBER, TENANT, identity, token
from support.waiting import waited

ZONE = noonday_zone()
NEXT = "subscriber-2"
DAILY = 3
AT_ONCE = 6


def wish_of(request_id: str | None = None, **changes: str | int | ZoneInfo) -> Try:
    wish = Try(TENANT, SUBSCRIBER, request_id or str(uuid4()), DAILY, ZONE)
    return replace(wish, **changes)  # type: ignore[arg-type]


def store_of(bench: SqlBench) -> SqlRegistrations:
    """Return a store as another process would open it."""
    return SqlRegistrations(bench.database.open())


def spend(bench: SqlBench, wish: Try) -> Tried:
    return waited(store_of(bench).spend(wish))


def spend_all(bench: SqlBench, count: int) -> list[Tried]:
    return [spend(bench, wish_of()) for _ in range(count)]


def give_back(bench: SqlBench, wish: Try) -> None:
    waited(store_of(bench).give_back(wish))


def tries(bench: SqlBench) -> int:
    (row,) = bench.run("SELECT day_tries FROM registrations")
    count: int = row["day_tries"]
    return count


def customer(bench: SqlBench, name: str = SUBSCRIBER) -> Customer:
    return waited(store_of(bench).customer(TENANT, BySubscriber(name)))


def choose(bench: SqlBench, held: HeldToken, *, login_otp: bool, name: str = SUBSCRIBER) -> object:
    choice = Choice(TENANT, name, held, login_otp, "registrar-1")
    return waited(store_of(bench).choose(choice))


def in_state(bench: SqlBench, state: State = State.ACTIVE) -> HeldToken:
    """Let the customer have a token of that state."""
    bench.inventory.add([token(state=state)], "importer")
    return HeldToken("token-1", SERIAL, state, 1)


def audited(bench: SqlBench) -> list[tuple[object, ...]]:
    lines = [line for line in bench.rows("audit") if line["action"] not in {"IMPORT", "VERIFY"}]
    return [
        tuple(line[name] for name in ("actor", "action", "token_id", "serial")) for line in lines
    ]


def write_exchange(bench: SqlBench, **changed: Value) -> None:
    """Write an open exchange, with other values where the test says so."""
    row: dict[str, Value] = {
        "tenant": TENANT,
        "subscriber": SUBSCRIBER,
        "state": "BEGUN",
        "token_id": "token-1",
        "serial_before": SERIAL,
        "begun_at": 1,
        "complete_by": 1 << 52,
        **changed,
    }
    marks = ", ".join("?" * len(row))
    bench.database.run(
        f"INSERT INTO replacements ({', '.join(row)}) VALUES ({marks})",  # noqa: S608 - our own
        *row.values(),
    )


def exchange(bench: SqlBench, tenant: str = TENANT, name: str = SUBSCRIBER) -> Exchange | None:
    return waited(store_of(bench).exchange(tenant, name))


def all_at_once(calls: Sequence[Callable[[], Tried]]) -> list[Tried]:
    together = threading.Barrier(len(calls))

    def made(call: Callable[[], Tried]) -> Tried:
        together.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(made, calls))


class TriesContract:
    """How often a customer may name serial numbers."""

    def test_a_customer_has_so_many_tries_a_day(self, bench: SqlBench) -> None:
        assert spend_all(bench, DAILY + 2) == [Tried.COUNTED] * DAILY + [Tried.SPENT] * 2
        assert tries(bench) == DAILY

    def test_another_customer_and_another_bank_have_their_own(self, bench: SqlBench) -> None:
        spend_all(bench, DAILY)
        assert spend(bench, wish_of(subscriber=NEXT)) is Tried.COUNTED
        assert spend(bench, wish_of(tenant=OTHER_TENANT)) is Tried.COUNTED
        assert spend(bench, wish_of()) is Tried.SPENT

    def test_the_same_request_makes_no_second_try(self, bench: SqlBench) -> None:
        wish = wish_of()
        assert spend(bench, wish) is Tried.COUNTED
        assert [spend(bench, wish) for _ in range(DAILY + 1)] == [Tried.AGAIN] * (DAILY + 1)
        assert tries(bench) == 1

    def test_the_last_try_is_made_again_when_none_is_left(self, bench: SqlBench) -> None:
        spend_all(bench, DAILY - 1)
        last = wish_of()
        assert spend(bench, last) is Tried.COUNTED
        assert spend(bench, last) is Tried.AGAIN
        assert spend(bench, wish_of()) is Tried.SPENT
        # What was not counted is not the last one.
        assert spend(bench, last) is Tried.AGAIN

    def test_tomorrow_there_are_tries_again(self, bench: SqlBench) -> None:
        spend_all(bench, DAILY)
        today = day_of(datetime.now(UTC), ZONE)
        bench.change("registrations", day=(today - timedelta(days=1)).isoformat())
        assert spend_all(bench, DAILY + 1) == [Tried.COUNTED] * DAILY + [Tried.SPENT]
        (row,) = bench.run("SELECT day FROM registrations")
        assert row["day"] == today.isoformat()

    def test_a_day_that_has_not_come_gives_none_back(self, bench: SqlBench) -> None:
        spend_all(bench, DAILY)
        later = (day_of(datetime.now(UTC), ZONE) + timedelta(days=1)).isoformat()
        bench.change("registrations", day=later)
        assert spend(bench, wish_of()) is Tried.SPENT

    def test_the_day_is_the_banks(self, bench: SqlBench) -> None:
        # Of two zones a day apart, one has a later day at any time.
        early, late = ZoneInfo("Etc/GMT+12"), ZoneInfo("Etc/GMT-12")
        assert [spend(bench, wish_of(zone=early)) for _ in range(DAILY)] == [Tried.COUNTED] * DAILY
        assert spend(bench, wish_of(zone=late)) is Tried.COUNTED

    def test_a_try_that_is_given_back_can_be_made_again(self, bench: SqlBench) -> None:
        spend_all(bench, DAILY - 1)
        wish = wish_of()
        spend(bench, wish)
        give_back(bench, wish)
        assert tries(bench) == DAILY - 1
        assert spend(bench, wish) is Tried.COUNTED
        assert spend(bench, wish_of()) is Tried.SPENT

    def test_a_try_is_given_back_once_and_only_to_who_made_the_last(self, bench: SqlBench) -> None:
        earlier, last = wish_of(), wish_of()
        spend(bench, earlier)
        spend(bench, last)
        give_back(bench, earlier)
        assert tries(bench) == 2
        for _ in range(2):
            give_back(bench, last)
        assert tries(bench) == 1

    def test_no_more_tries_are_given_back_than_were_made(self, bench: SqlBench) -> None:
        wish = wish_of()
        spend(bench, wish)
        bench.change("registrations", day_tries=0)
        give_back(bench, wish)
        assert tries(bench) == 0

    def test_nobodys_try_is_given_back_to_nobody(self, bench: SqlBench) -> None:
        give_back(bench, wish_of())
        assert not bench.run("SELECT * FROM registrations")

    @pytest.mark.parametrize("operation", [Operation.REGISTRATION, Operation.REPLACE_NEW])
    def test_a_request_that_has_its_verdict_makes_no_try(
        self, bench: SqlBench, operation: Operation
    ) -> None:
        first = wish_of()
        assert spend(bench, first) is Tried.COUNTED
        _answer(bench, first.request_id, operation)
        spend_all(bench, DAILY)
        assert spend(bench, first) is Tried.ANSWERED
        assert tries(bench) == DAILY
        bench.change("requests", created_at=1)
        assert spend(bench, first) is Tried.SPENT

    def test_a_request_that_is_under_way_is_not_answered(self, bench: SqlBench) -> None:
        wish = wish_of()
        spend(bench, wish)
        claim = claim_of(
            BySerial(SERIAL), operation=Operation.REGISTRATION, request_id=wish.request_id
        )
        assert ask(bench, claim) == GrantedUnknown()
        assert spend(bench, wish) is Tried.AGAIN

    def test_a_login_of_that_name_and_another_banks_request_are_others(
        self, bench: SqlBench
    ) -> None:
        wish = wish_of()
        _answer(bench, wish.request_id, Operation.LOGIN)
        assert spend(bench, wish) is Tried.COUNTED
        theirs = wish_of()
        _answer(bench, theirs.request_id, Operation.REGISTRATION)
        assert spend(bench, replace(theirs, tenant=OTHER_TENANT)) is Tried.COUNTED

    def test_of_tries_at_once_no_more_are_counted_than_there_are(self, bench: SqlBench) -> None:
        calls = [partial(spend, bench, wish_of()) for _ in range(AT_ONCE)]
        told = all_at_once(calls)
        assert sorted(told) == [Tried.COUNTED] * DAILY + [Tried.SPENT] * (AT_ONCE - DAILY)
        assert tries(bench) == DAILY

    def test_one_request_at_once_makes_one_try(self, bench: SqlBench) -> None:
        wish = wish_of()
        told = all_at_once([partial(spend, bench, wish) for _ in range(AT_ONCE)])
        assert sorted(told) == [Tried.AGAIN] * (AT_ONCE - 1) + [Tried.COUNTED]
        assert tries(bench) == 1

    def test_a_try_leaves_the_choice_alone(self, bench: SqlBench) -> None:
        held = in_state(bench)
        choose(bench, held, login_otp=True)
        spend(bench, wish_of())
        assert customer(bench).login_otp


class ChoiceContract:
    """ログイン時の認証要否."""

    @pytest.mark.parametrize("state", [State.ACTIVE, State.LOCKED])
    def test_a_choice_is_kept_and_told(self, bench: SqlBench, state: State) -> None:
        held = in_state(bench, state)
        assert customer(bench).login_otp is False
        assert choose(bench, held, login_otp=True) == Done()
        assert customer(bench).login_otp is True
        assert choose(bench, held, login_otp=False) == Done()
        assert customer(bench).login_otp is False
        assert audited(bench) == [
            ("registrar-1", action, "token-1", SERIAL)
            for action in ("LOGIN_OTP_ON", "LOGIN_OTP_OFF")
        ]

    @pytest.mark.parametrize("state", [State.ASSIGNED, State.BARRED])
    def test_whoever_has_no_token_in_use_has_no_choice(self, bench: SqlBench, state: State) -> None:
        held = in_state(bench, state)
        assert choose(bench, held, login_otp=True) == Stale()
        assert choose(bench, held, login_otp=True, name=NEXT) == Stale()
        assert not bench.run("SELECT * FROM registrations")
        assert audited(bench) == []

    def test_a_token_that_is_another_by_now_keeps_the_choice(self, bench: SqlBench) -> None:
        held = in_state(bench)
        choose(bench, held, login_otp=True)
        other = replace(held, token_id="token-2")
        assert choose(bench, other, login_otp=False) == Stale()
        assert customer(bench).login_otp

    def test_a_choice_leaves_the_tries_alone(self, bench: SqlBench) -> None:
        held = in_state(bench)
        spend_all(bench, 2)
        choose(bench, held, login_otp=True)
        assert tries(bench) == 2

    def test_another_customers_choice_is_his(self, bench: SqlBench) -> None:
        choose(bench, in_state(bench), login_otp=True)
        assert customer(bench, NEXT).login_otp is False

    def test_the_customer_is_found_by_his_serial_with_his_choice(self, bench: SqlBench) -> None:
        choose(bench, in_state(bench), login_otp=True)
        assert waited(bench.enrollments.customer(TENANT, BySerial(SERIAL))).login_otp


class ExchangeContract:
    """交換, as it is kept."""

    def test_who_has_begun_none_has_none(self, bench: SqlBench) -> None:
        assert exchange(bench) is None
        write_exchange(bench)
        assert exchange(bench, name=NEXT) is None
        assert exchange(bench, tenant=OTHER_TENANT) is None

    def test_an_open_one_tells_what_is_replaced_and_until_when(self, bench: SqlBench) -> None:
        write_exchange(bench, complete_by=1_700_000_000_000_001)
        found = exchange(bench)
        assert found is not None
        assert (found.token_id, found.serial_before) == ("token-1", SERIAL)
        assert found.complete_by == datetime(2023, 11, 14, 22, 13, 20, 1, tzinfo=UTC)
        assert (found.request_id, found.serial_after) == (None, None)
        assert (found.is_assisted, found.is_over) == (False, True)

    def test_it_is_over_from_its_last_moment_on(self, bench: SqlBench) -> None:
        write_exchange(bench)
        found = exchange(bench)
        assert found is not None
        assert not found.is_over
        assert replace(found, now=found.complete_by).is_over
        assert not replace(found, now=found.complete_by - timedelta(microseconds=1)).is_over

    def test_one_that_two_persons_agreed_on_says_so(self, bench: SqlBench) -> None:
        write_exchange(bench, proposal_id="0192b3c4-5d6e-7f80-9123-456789abcdef")
        found = exchange(bench)
        assert found is not None
        assert found.is_assisted

    def test_one_that_is_done_tells_how_it_ended(self, bench: SqlBench) -> None:
        request_id = str(uuid4())
        write_exchange(bench, state="DONE", request_id=request_id, serial_after="SKTS00000001")
        found = exchange(bench)
        assert found is not None
        assert (found.request_id, found.serial_after) == (request_id, "SKTS00000001")


class StockContract:
    """A token in stock that wrong codes have counted on."""

    @pytest.mark.parametrize("state", [State.IN_STOCK, State.RETURNED])
    @pytest.mark.parametrize(
        ("spent", "is_spent"),
        [({}, False), ({"failures": 1}, True), ({"unlock_failures": 1}, True)],
        ids=str,
    )
    def test_it_is_found_with_whether_anything_is_spent(
        self, bench: SqlBench, state: State, spent: dict[str, int], *, is_spent: bool
    ) -> None:
        bench.inventory.add([token(identity(subscriber=None), state=state)], "importer")
        if spent:
            bench.change("tokens", **spent)
        found = look(bench)
        assert found is not None
        assert (found.identity.token_id, found.identity.serial) == ("token-1", SERIAL)
        assert (found.state, found.generation) == (state, 1)
        assert found.spent.are_spent is is_spent

    def test_no_other_serial_is_in_stock(self, bench: SqlBench) -> None:
        assert look(bench) is None
        bench.inventory.add([token()], "importer")
        bound = look(bench)
        assert bound is not None
        assert bound.state not in IN_STOCK
        bench.change("tokens", subscriber=None, state="IN_STOCK")
        assert look(bench, OTHER_TENANT) is None


def look(bench: SqlBench, tenant: str = TENANT) -> Token | None:
    """Return the token of that serial number as the bank's counter reads it."""
    found = waited(SqlDesk(bench.database.open()).look(tenant, SERIAL))
    return None if found is None else found.token


def _answer(bench: SqlBench, request_id: str, operation: Operation) -> None:
    """Let a request with that name have its verdict."""
    claim = claim_of(BySerial(SERIAL), operation=operation, request_id=request_id)
    assert ask(bench, claim) == GrantedUnknown()
    verdict(bench, claim, None, Finding.UNKNOWN)
