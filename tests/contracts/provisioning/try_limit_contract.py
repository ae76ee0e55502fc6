# SPDX-License-Identifier: Apache-2.0
"""What every `TryLimits` must do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from kagimori.adapters.sql.tries import SqlTryLimits
from support.databases.database import AnyDatabase
from support.waiting import waited

AGES = 1 << 50
"""Microseconds: 35 years."""


class TryLimitContract:
    def test_a_bucket_holds_so_many_and_tells_when_it_is_empty(self, database: AnyDatabase) -> None:
        limits = limits_of(database)
        assert [count(limits, {"a": 3}) for _ in range(3)] == [None] * 3
        seconds = count(limits, {"a": 3})
        assert seconds is not None
        assert 0 < seconds <= AGES / 1_000_000
        assert counts(database)["a"] == 3

    def test_a_window_is_a_minute(self, database: AnyDatabase) -> None:
        limits = SqlTryLimits(database.open())
        assert count(limits, {"a": 1}) is None
        (row,) = database.run("SELECT * FROM tries")
        assert row["since"] % 60_000_000 == 0

    def test_buckets_are_counted_apart_and_over_all_processes(self, database: AnyDatabase) -> None:
        first, second = limits_of(database), limits_of(database)
        assert count(first, {"a": 2}) is None
        assert count(second, {"a": 2}) is None
        assert count(first, {"a": 2}) is not None
        assert count(second, {"a": 2}) is not None
        assert count(second, {"b": 2}) is None

    def test_what_is_behind_a_full_bucket_is_not_counted(self, database: AnyDatabase) -> None:
        limits = limits_of(database)
        assert count(limits, {"peer": 1, "service": 9}) is None
        assert count(limits, {"peer": 1, "service": 9}) is not None
        assert counts(database) == {"peer": 1, "service": 1}

    def test_a_new_window_begins_anew(self, database: AnyDatabase) -> None:
        limits = limits_of(database)
        assert count(limits, {"a": 1}) is None
        assert count(limits, {"a": 1}) is not None
        database.run("UPDATE tries SET since = since - ?", AGES)
        assert count(limits, {"a": 1}) is None
        assert counts(database) == {"a": 1}

    def test_who_began_before_the_turn_of_the_minute_counts_after_it(
        self, database: AnyDatabase
    ) -> None:
        limits = limits_of(database)
        assert count(limits, {"a": 1}) is None
        database.run("UPDATE tries SET since = since + ?", AGES)
        assert count(limits, {"a": 1}) is not None

    def test_a_clock_that_was_set_back_locks_nobody_out(self, database: AnyDatabase) -> None:
        limits = limits_of(database)
        assert count(limits, {"a": 1}) is None
        database.run("UPDATE tries SET since = since + ?", 5 * AGES)
        assert count(limits, {"a": 1}) is None

    def test_100_at_once_over_two_connections_are_as_many_as_allowed(
        self, database: AnyDatabase
    ) -> None:
        both = [limits_of(database) for _ in range(2)]

        async def all_at_once() -> list[float | None]:
            return await asyncio.gather(*(both[n % 2].count({"a": 7}) for n in range(100)))

        assert waited(all_at_once()).count(None) == 7
        assert counts(database) == {"a": 7}

    def test_old_buckets_go_and_young_ones_stay(self, database: AnyDatabase) -> None:
        limits = SqlTryLimits(database.open(), AGES, prune_every=2)
        assert count(limits, {"old": 5}) is None
        database.run("UPDATE tries SET since = since - ?", 4 * AGES)
        assert count(limits, {"young": 5}) is None
        assert set(counts(database)) == {"young"}


def limits_of(database: AnyDatabase) -> SqlTryLimits:
    """Return limits whose window will not end while a test runs."""
    return SqlTryLimits(database.open(), AGES)


def count(limits: SqlTryLimits, buckets: Mapping[str, int]) -> float | None:
    return waited(limits.count(buckets))


def counts(database: AnyDatabase) -> dict[str, int]:
    return {row["bucket"]: row["count"] for row in database.run("SELECT * FROM tries")}
