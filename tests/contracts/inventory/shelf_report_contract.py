# SPDX-License-Identifier: Apache-2.0
"""What is planned and reported over every `Shelf`, at its edges."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from contracts.inventory.shelf_bench import (
    NOON,
    POLICY,
    TIME,
    NoonShelf,
    add,
    change,
    named,
    shelf_of,
)
from contracts.sql_bench import SqlBench
from kagimori.application.deliveries.ports import NewToken
from kagimori.application.inventory.drift import drifting
from kagimori.application.inventory.exchange import OVERDUE, Due, Exchange, Why
from kagimori.domain.device import Device, Validity
from kagimori.domain.lifecycle import Event
from kagimori.domain.token import (
    Profile,
)
from support.tokens import EVENT
from support.waiting import waited


class DueContract:
    """Ninety days from the 1st of February of 2028, in Tokyo: the 1st of May is the last."""

    def plan(self, bench: SqlBench, days: int = 90, years: int = 5) -> list[Due]:
        exchange = Exchange(NoonShelf(bench.database.open()), POLICY, days, years)

        async def collect() -> list[Due]:
            self.counted = await exchange.count()
            return [due async for due in exchange.dues()]

        return waited(collect())

    @pytest.mark.parametrize(
        ("until", "found"),
        [
            (datetime(2028, 5, 1, 14, 59, 59, 999999, tzinfo=UTC), 1),
            (datetime(2028, 5, 1, 15, tzinfo=UTC), 0),
            (datetime(2020, 1, 1, tzinfo=UTC), 1),
        ],
    )
    def test_validity_to_the_day(self, bench: SqlBench, until: datetime, found: int) -> None:
        add(bench, [NewToken(named(1), Validity(None, until), Device(since=date(2028, 1, 1)))])
        dues = self.plan(bench)
        assert [(due.token.serial, due.why) for due in dues] == [("S00001", Why.VALIDITY)] * found

    @pytest.mark.parametrize(
        ("since", "years", "on"),
        [
            (date(2023, 5, 1), 5, date(2028, 5, 1)),
            (date(2023, 5, 2), 5, None),
            (date(2024, 5, 1), 4, date(2028, 5, 1)),
            (date(2020, 2, 29), 8, date(2028, 2, 29)),
            (date(2024, 2, 29), 3, date(2027, 2, 28)),
        ],
    )
    def test_batteries_to_the_day(
        self, bench: SqlBench, since: date, years: int, on: date | None
    ) -> None:
        add(bench, [NewToken(named(1), Validity(), Device(since=since))])
        dues = self.plan(bench, years=years)
        assert [(due.on, due.why) for due in dues] == ([(on, Why.BATTERY)] if on else [])

    def test_a_horizon_on_a_28th_of_february_is_not_too_near(self, bench: SqlBench) -> None:
        # The 29th of February of 2024 is five years old on the 28th of 2029.
        add(bench, [NewToken(named(1), Validity(), Device(since=date(2024, 2, 29)))])
        until = (date(2029, 2, 28) - date(2028, 2, 1)).days
        assert [due.on for due in self.plan(bench, until)] == [date(2029, 2, 28)]
        assert self.plan(bench, until - 1) == []

    def test_what_ends_first_is_told(self, bench: SqlBench) -> None:
        until = datetime(2028, 3, 1, tzinfo=UTC)
        add(bench, [NewToken(named(1), Validity(None, until), Device(since=date(2023, 2, 20)))])
        (due,) = self.plan(bench)
        assert (due.on, due.why) == (date(2028, 2, 20), Why.BATTERY)

    def test_customers_come_first_then_the_months(self, bench: SqlBench) -> None:
        def ending(number: int, until: datetime, subscriber: str | None = None) -> NewToken:
            return NewToken(
                named(number, subscriber=subscriber),
                Validity(None, until),
                Device(since=date(2028, 1, 1)),
            )

        april, march, past = (
            datetime(2028, 4, 3, tzinfo=UTC),
            datetime(2028, 3, 3, tzinfo=UTC),
            datetime(2027, 3, 3, tzinfo=UTC),
        )
        add(
            bench,
            [
                ending(1, march),
                ending(2, past),
                ending(3, april, "a"),
                ending(4, march, "b"),
                ending(5, past, "c"),
                ending(6, march, "d"),
                ending(7, datetime(2029, 1, 1, tzinfo=UTC), "e"),
            ],
        )
        order = [due.token.serial for due in self.plan(bench)]
        assert order == ["S00005", "S00004", "S00006", "S00003", "S00002", "S00001"]
        assert dict(self.counted) == {
            (True, OVERDUE): 1,
            (True, "2028-03"): 2,
            (True, "2028-04"): 1,
            (False, OVERDUE): 1,
            (False, "2028-03"): 1,
        }

    def test_a_day_that_is_today_is_not_overdue(self, bench: SqlBench) -> None:
        today = Device(since=date(2023, 2, 1))
        yesterday = Device(since=date(2023, 1, 31))
        add(bench, [NewToken(named(1), device=today), NewToken(named(2), device=yesterday)])
        self.plan(bench, 0)
        assert dict(self.counted) == {(False, "2028-02"): 1, (False, OVERDUE): 1}

    def test_what_is_destroyed_is_not_exchanged(self, bench: SqlBench) -> None:
        add(bench, [NewToken(named(1), Validity(None, NOON), Device(since=date(2010, 1, 1)))])
        change(bench, Event.CONDEMN, "S00001")
        assert self.plan(bench) == []

    def test_many_are_planned_over_many_pages(self, bench: SqlBench) -> None:
        old = Device(since=date(2023, 3, 1))
        add(bench, [NewToken(named(number), device=old) for number in range(2100)])
        assert len(self.plan(bench)) == 2100
        assert dict(self.counted) == {(False, "2028-03"): 2100}


class DriftContract:
    def near(self, bench: SqlBench, edge: int) -> list[tuple[str, int]]:
        async def collect() -> list[tuple[str, int]]:
            found = drifting(shelf_of(bench), POLICY, edge)
            return [(each.token.serial, each.room) async for each in found]

        return waited(collect())

    def clocks(self, bench: SqlBench, drifts: Sequence[int], profile: Profile = TIME) -> None:
        news = [
            NewToken(named(number, profile=profile, drift=drift))
            for number, drift in enumerate(drifts)
        ]
        add(bench, news)

    def test_exactly_at_the_step(self, bench: SqlBench) -> None:
        self.clocks(bench, [7, 8, -7, -8])
        assert self.near(bench, 2) == [("S00001", 2), ("S00003", 2)]
        assert self.near(bench, 3) == [("S00001", 2), ("S00003", 2), ("S00000", 3), ("S00002", 3)]

    def test_the_worst_come_first_and_those_beyond_the_edge_are_there(
        self, bench: SqlBench
    ) -> None:
        self.clocks(bench, [9, -20, 10, 15, -9, 0])
        assert self.near(bench, 1) == [
            ("S00001", -10),
            ("S00003", -5),
            ("S00002", 0),
            ("S00000", 1),
            ("S00004", 1),
        ]
        assert self.near(bench, 0) == [("S00001", -10), ("S00003", -5), ("S00002", 0)]

    def test_a_clock_that_is_right_is_never_near(self, bench: SqlBench) -> None:
        self.clocks(bench, [0, 1])
        assert self.near(bench, 1000) == [("S00001", 9)]

    def test_counters_have_no_clock(self, bench: SqlBench) -> None:
        self.clocks(bench, [10], EVENT)
        assert self.near(bench, 10) == []

    def test_what_is_destroyed_does_not_drift(self, bench: SqlBench) -> None:
        self.clocks(bench, [10])
        change(bench, Event.RETIRE, "S00000")
        assert self.near(bench, 10) == []
