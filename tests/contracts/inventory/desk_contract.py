# SPDX-License-Identifier: Apache-2.0
"""What every `DeskStore` must do, beside a `VerificationStore` of the same tokens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import Row, ask, claim_of, granted, settle, succeed, verdict
from kagimori.adapters.sql.inventory.desk import SqlDesk
from kagimori.application.enrollment.ports import Done, Stale
from kagimori.application.inventory.desk_ports import (
    Assigning,
    Condemning,
    Hindered,
    Returning,
    StockedToken,
)
from kagimori.application.ports import (
    BySerial,
    BySubscriber,
    Finding,
    GrantedUnknown,
    Overslept,
)
from kagimori.domain.device import Device
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome
from kagimori.domain.policy import Operation
from kagimori.domain.token import Token
from support.databases.enrolments import write_enrolment
from support.tokens import OTHER_TENANT, SERIAL, SUBSCRIBER, TENANT, identity, token
from support.waiting import waited

NEXT = "subscriber-2"
SECOND = "2V0716016FK3"
BOUND = (State.ASSIGNED, State.BARRED, State.ACTIVE, State.LOCKED)
FREE = (State.IN_STOCK, State.RETURNED)
DESKS = 4
DAY = 86_400_000_000


def stocked(bench: SqlBench, state: State, serial: str = SERIAL, **columns: str | int) -> None:
    """Put a token of that state into the inventory, with other values in its row."""
    of = identity(
        token_id=f"token-{serial}", serial=serial, subscriber=None if state in FREE else SUBSCRIBER
    )
    bench.inventory.add([token(of, state=state, last_step=7)], "importer")
    for column, value in columns.items():
        bench.database.run(f"UPDATE tokens SET {column} = ? WHERE serial = ?", value, serial)  # noqa: S608 - our own


def found(bench: SqlBench, serial: str = SERIAL, tenant: str = TENANT) -> StockedToken:
    there = waited(desk_of(bench).look(tenant, serial))
    assert there is not None
    return there


def desk_of(bench: SqlBench) -> SqlDesk:
    """Return a desk as another process would open it."""
    return SqlDesk(bench.database.open())


def assigning(seen: Token, subscriber: str = NEXT) -> Assigning:
    mine = replace(seen.identity, subscriber=subscriber)
    return Assigning(seen, mine, b"the next row's MAC", State.ASSIGNED, "suzuki")


def assign(bench: SqlBench, seen: Token, subscriber: str = NEXT) -> Done | Stale | Hindered:
    return waited(desk_of(bench).assign(assigning(seen, subscriber)))


def assigned_by(desk: SqlDesk, wanted: Assigning) -> Done | Stale | Hindered:
    return waited(desk.assign(wanted))


def take_back(bench: SqlBench, seen: Token) -> Done | Stale:
    returning = Returning(seen, b"nobody's row's MAC", State.RETURNED, "suzuki")
    return waited(desk_of(bench).take_back(returning))


def condemn(bench: SqlBench, seen: Token) -> Done | Stale:
    return waited(desk_of(bench).condemn(Condemning(seen, State.DEFECTIVE, "suzuki")))


ENDINGS = [take_back, condemn]


def row(bench: SqlBench, serial: str = SERIAL) -> Row:
    (there,) = [row for row in bench.rows("tokens") if row["serial"] == serial]
    return dict(there)


def columns(bench: SqlBench, *names: str) -> tuple[object, ...]:
    there = row(bench)
    return tuple(there[name] for name in names)


def audited(bench: SqlBench) -> list[tuple[str, str, str, str]]:
    lines = [line for line in bench.rows("audit") if line["action"] != "IMPORT"]
    names = ("actor", "action", "token_id", "serial")
    return [tuple(line[name] for name in names) for line in lines]


def enrol(bench: SqlBench, state: str, deadline: int) -> None:
    """Let the next customer have an enrolment."""
    released_on = "2026-03-31" if state == "RELEASED" else None
    write_enrolment(
        bench.database,
        tenant=TENANT,
        subscriber=NEXT,
        state=state,
        deadline=deadline,
        released_on=released_on,
    )


def at_once(calls: Iterable[Callable[[], object]]) -> list[object]:
    """Make the calls at one moment, each on a thread."""
    wanted = list(calls)
    together = threading.Barrier(len(wanted))

    def made(call: Callable[[], object]) -> object:
        together.wait()
        return call()

    with ThreadPoolExecutor(len(wanted)) as threads:
        return list(threads.map(made, wanted))


class LookContract:
    """A token as the counter sees it."""

    def test_what_is_not_the_tenants_is_not_there(self, bench: SqlBench) -> None:
        desk = desk_of(bench)
        assert waited(desk.look(TENANT, SERIAL)) is None
        stocked(bench, State.IN_STOCK)
        assert waited(desk.look(OTHER_TENANT, SERIAL)) is None
        assert waited(desk.look(TENANT, SERIAL.lower())) is None

    def test_a_token_comes_as_its_row_has_it(self, bench: SqlBench) -> None:
        stocked(bench, State.LOCKED, drift=-2, failures=5, unlock_failures=6, generation=3)
        seen = found(bench).token
        assert (seen.state, seen.last_step, seen.drift) == (State.LOCKED, 7, -2)
        assert (seen.generation, seen.spent.failures, seen.spent.unlock_failures) == (3, 5, 6)
        assert seen.identity == identity(token_id=f"token-{SERIAL}")
        assert seen.row_mac == b"mac"

    def test_its_times_and_its_make_come_with_it(self, bench: SqlBench) -> None:
        stocked(bench, State.IN_STOCK, not_before=1_000_000, not_after=1_700_000_000_000_001)
        bench.database.run("DELETE FROM devices")
        bench.database.run(
            "INSERT INTO devices (tenant, token_id, delivery_id, manufacturer, model, since,"
            " imported_at) VALUES (?, ?, 'd', 'Kagi', 'K-1', '2024-02-29', 1)",
            TENANT,
            f"token-{SERIAL}",
        )
        seen = found(bench)
        assert seen.device == Device("Kagi", "K-1", date(2024, 2, 29))
        assert seen.validity.not_before == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
        assert seen.validity.not_after == datetime(2023, 11, 14, 22, 13, 20, 1, tzinfo=UTC)
        assert seen.is_expired

    def test_a_token_of_old_has_neither(self, bench: SqlBench) -> None:
        stocked(bench, State.IN_STOCK)
        bench.database.run("DELETE FROM devices")
        seen = found(bench)
        assert (seen.device, seen.is_expired) == (Device(), False)
        assert (seen.validity.not_before, seen.validity.not_after) == (None, None)


class AssignContract:
    """From stock to a customer."""

    @pytest.mark.parametrize("state", FREE)
    def test_a_token_in_stock_becomes_the_customers(self, bench: SqlBench, state: State) -> None:
        stocked(bench, state, drift=3, failures=4, day_failures=2, unlock_failures=9)
        assert assign(bench, found(bench).token) == Done()
        assert columns(bench, "state", "subscriber", "generation") == ("ASSIGNED", NEXT, 2)
        assert bytes(row(bench)["row_mac"]) == b"the next row's MAC"
        assert bytes(row(bench)["blob"]) == b"sealed"
        assert columns(bench, "last_step", "drift") == (7, 3)
        # The budget of the day is no matter of whose token it is.
        assert columns(bench, "failures", "unlock_failures", "day_failures") == (0, 0, 2)
        assert audited(bench) == [("suzuki", "ASSIGN", f"token-{SERIAL}", SERIAL)]

    def test_the_customer_is_in_no_audit_row(self, bench: SqlBench) -> None:
        stocked(bench, State.IN_STOCK)
        assert assign(bench, found(bench).token) == Done()
        assert take_back(bench, found(bench).token) == Done()
        assert NEXT not in str([dict(line) for line in bench.rows("audit")])

    @pytest.mark.parametrize("change", [{"generation": 9}, {"state": "RETURNED"}], ids=str)
    def test_what_is_not_as_it_was_read_is_left_alone(
        self, bench: SqlBench, change: dict[str, str | int]
    ) -> None:
        stocked(bench, State.IN_STOCK)
        seen = found(bench).token
        bench.change("tokens", **change)
        before = row(bench)
        assert assign(bench, seen) == Stale()
        assert row(bench) == before
        assert audited(bench) == []

    def test_a_token_whose_time_is_over_is_given_to_nobody(self, bench: SqlBench) -> None:
        stocked(bench, State.IN_STOCK)
        seen = found(bench)
        now = (seen.now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        bench.change("tokens", not_after=now)
        assert assign(bench, seen.token) == Stale()
        bench.change("tokens", not_before=now + DAY, not_after=now + 2 * DAY)
        assert assign(bench, seen.token) == Done()

    def test_whoever_has_a_token_gets_no_second_one(self, bench: SqlBench) -> None:
        stocked(bench, State.ACTIVE)
        stocked(bench, State.IN_STOCK, SECOND)
        assert assign(bench, found(bench, SECOND).token, SUBSCRIBER) == Hindered()
        assert row(bench, SECOND)["state"] == "IN_STOCK"
        assert audited(bench) == []
        assert assign(bench, found(bench, SECOND).token, NEXT) == Done()

    @pytest.mark.parametrize(
        ("state", "deadline", "expected"),
        [
            ("ISSUED", 1 << 60, Hindered()),
            ("ISSUED", 1, Done()),
            ("VOID", 1 << 60, Done()),
            ("RELEASED", 1 << 60, Done()),
        ],
    )
    def test_an_enrolment_under_way_comes_first(
        self, bench: SqlBench, state: str, deadline: int, expected: object
    ) -> None:
        stocked(bench, State.IN_STOCK)
        enrol(bench, state, deadline)
        (before,) = bench.rows("enrollments")
        assert assign(bench, found(bench).token) == expected
        assert bench.rows("enrollments") == [before]

    def test_another_banks_enrolment_is_no_hindrance(self, bench: SqlBench) -> None:
        stocked(bench, State.IN_STOCK)
        enrol(bench, "ISSUED", 1 << 60)
        bench.change("enrollments", tenant=OTHER_TENANT)
        assert assign(bench, found(bench).token) == Done()

    def test_of_customers_at_once_one_gets_the_token(self, bench: SqlBench) -> None:
        stocked(bench, State.IN_STOCK)
        seen = found(bench).token
        wanted = [assigning(seen, f"customer-{number}") for number in range(DESKS)]
        told = at_once(partial(assigned_by, desk_of(bench), each) for each in wanted)
        assert sorted(map(repr, told)) == ["Done()", *["Stale()"] * (DESKS - 1)]
        assert row(bench)["subscriber"] == f"customer-{told.index(Done())}"
        assert len(audited(bench)) == 1

    def test_of_tokens_at_once_a_customer_gets_one(self, bench: SqlBench) -> None:
        serials = [f"SKTS0000000{number}" for number in range(DESKS)]
        for serial in serials:
            stocked(bench, State.IN_STOCK, serial)
        wanted = [assigning(found(bench, serial).token) for serial in serials]
        told = at_once(partial(assigned_by, desk_of(bench), each) for each in wanted)
        assert sorted(map(repr, told)) == ["Done()", *["Hindered()"] * (DESKS - 1)]
        bound = bench.database.run("SELECT serial FROM tokens WHERE subscriber IS NOT NULL")
        assert [one["serial"] for one in bound] == [serials[told.index(Done())]]


class ReturnContract:
    """From a customer back into stock, or to its end."""

    @pytest.mark.parametrize("state", BOUND)
    def test_a_returned_token_is_nobodys_and_remembers_its_steps(
        self, bench: SqlBench, state: State
    ) -> None:
        stocked(bench, state, drift=-3, failures=4, day_failures=2, unlock_failures=9)
        assert take_back(bench, found(bench).token) == Done()
        assert columns(bench, "state", "subscriber", "generation") == ("RETURNED", None, 2)
        assert columns(bench, "last_step", "drift") == (7, -3)
        assert columns(bench, "failures", "unlock_failures", "day_failures") == (0, 0, 2)
        assert bytes(row(bench)["row_mac"]) == b"nobody's row's MAC"
        assert bytes(row(bench)["blob"]) == b"sealed"
        assert audited(bench) == [("suzuki", "RETURN", f"token-{SERIAL}", SERIAL)]

    @pytest.mark.parametrize("state", [*BOUND, *FREE])
    def test_a_defective_token_has_no_seed_any_more(self, bench: SqlBench, state: State) -> None:
        stocked(bench, state)
        bench.run(
            "INSERT INTO signing_seeds SELECT tenant, token_id, custody, seed_length, key_version,"
            " wrap_format, blob, row_mac, -1 FROM tokens"
        )
        assert condemn(bench, found(bench).token) == Done()
        assert columns(bench, "state", "subscriber", "generation") == ("DEFECTIVE", None, 2)
        assert (bytes(row(bench)["blob"]), bytes(row(bench)["row_mac"])) == (b"", b"")
        assert not bench.run("SELECT * FROM signing_seeds")
        assert audited(bench) == [("suzuki", "CONDEMN", f"token-{SERIAL}", SERIAL)]

    @pytest.mark.parametrize("ending", ENDINGS)
    @pytest.mark.parametrize("change", [{"generation": 9}, {"state": "LOCKED"}], ids=str)
    def test_what_is_not_as_it_was_read_is_left_alone(
        self,
        bench: SqlBench,
        ending: Callable[[SqlBench, Token], Done | Stale],
        change: dict[str, str | int],
    ) -> None:
        stocked(bench, State.ACTIVE)
        seen = found(bench).token
        bench.change("tokens", **change)
        before = row(bench)
        assert ending(bench, seen) == Stale()
        assert row(bench) == before
        assert audited(bench) == []

    @pytest.mark.parametrize("ending", ENDINGS)
    @pytest.mark.parametrize("operation", [Operation.ACTIVATION, Operation.LOGIN])
    def test_a_verification_under_way_is_never_accepted(
        self,
        bench: SqlBench,
        ending: Callable[[SqlBench, Token], Done | Stale],
        operation: Operation,
    ) -> None:
        active = operation is Operation.LOGIN
        stocked(bench, State.ACTIVE if active else State.ASSIGNED)
        claim = claim_of(operation=operation)
        mine = granted(bench, claim)
        assert ending(bench, found(bench).token) == Done()
        assert columns(bench, "lease", "lease_until") == (None, None)
        assert settle(bench, claim, mine, Finding.FRESH, 8) == Overslept()
        assert row(bench)["last_step"] == 7
        bench.expire_leases()
        assert ask(bench, replace(claim, lease=claim_of().lease)) == GrantedUnknown()
        for name in (BySerial(SERIAL), BySubscriber(SUBSCRIBER)):
            assert ask(bench, claim_of(name)) == GrantedUnknown()

    def test_nor_is_it_once_the_next_customer_has_the_token(self, bench: SqlBench) -> None:
        stocked(bench, State.ASSIGNED)
        claim = claim_of(operation=Operation.ACTIVATION)
        mine = granted(bench, claim)
        assert take_back(bench, found(bench).token) == Done()
        assert assign(bench, found(bench).token) == Done()
        assert settle(bench, claim, mine, Finding.FRESH, 8) == Overslept()
        theirs = claim_of(BySubscriber(NEXT), operation=Operation.ACTIVATION)
        their_token = granted(bench, theirs)
        assert (their_token.last_step, their_token.identity.subscriber) == (7, NEXT)
        assert settle(bench, claim, their_token, Finding.FRESH, 8) == Overslept()
        assert settle(bench, theirs, their_token, Finding.FRESH, 7) == Overslept()
        assert verdict(bench, theirs, their_token, Finding.FRESH, 8).outcome is Outcome.ACCEPTED
        assert columns(bench, "state", "last_step") == ("ACTIVE", 8)

    def test_of_a_return_and_an_acceptance_at_once_the_return_is_last(
        self, bench: SqlBench
    ) -> None:
        stocked(bench, State.ACTIVE)
        for step in range(8, 16):
            claim = claim_of()
            mine, seen = granted(bench, claim), found(bench).token
            at_once(
                [
                    partial(take_back, bench, seen),
                    partial(settle, bench, claim, mine, Finding.FRESH, step),
                ]
            )
            assert row(bench)["state"] == "RETURNED"
            reached = row(bench)["last_step"]
            assert reached in {mine.last_step, step}
            # What was accepted is in the audit, and nothing else is.
            assert (reached == step) == (step - 7 == accepted(bench))
            assert settle(bench, claim, mine, Finding.FRESH, step + 1) == Overslept()
            assert assign(bench, found(bench).token, SUBSCRIBER) == Done()
            bench.change("tokens", state="ACTIVE")
            if reached != step:
                succeed(bench, step)


def accepted(bench: SqlBench) -> int:
    return sum(line["outcome"] == "ACCEPTED" for line in bench.rows("audit"))
