# SPDX-License-Identifier: Apache-2.0
"""Which tokens are to be exchanged soon: their validity ends, or their battery is old."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from kagimori.application.inventory.shelf import pages
from kagimori.application.inventory.shelf_ports import Shelf, Shelved, Wanted
from kagimori.domain.calendar import day_of
from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.value import value

OVERDUE: Final = ""
"""The month of what should have been exchanged before today."""

_LAST_OF_FEBRUARY: Final = 28


class Why(StrEnum):
    """What ends."""

    VALIDITY = "validity"
    BATTERY = "battery"


@value(frozen=True, slots=True)
class Due:
    """A token to be exchanged by the day ``on``, in the tenant's calendar."""

    token: Shelved
    on: date
    why: Why


@dataclass(frozen=True, slots=True)
class Horizon:
    """What is due on ``until`` or before. Batteries last ``battery_years``."""

    today: date
    until: date
    battery_years: int
    zone: ZoneInfo

    def due(self, token: Shelved) -> Due | None:
        """Return when ``token`` is to be exchanged, if that is not later than ``until``."""
        ends = [Due(token, on, why) for on, why in self._ends(token) if on <= self.until]
        return min(ends, key=lambda due: due.on, default=None)

    def month(self, due: Due) -> str:
        """Return `OVERDUE`, or the month as YYYY-MM."""
        return OVERDUE if due.on < self.today else f"{due.on:%Y-%m}"

    def wanted(self, *, is_bound: bool | None = None) -> Wanted:
        """Return where to look: no token is due that is not there."""
        midnight = datetime.combine(self.until + timedelta(days=1), time(), self.zone)
        # A day more, for batteries that are counted from a 29th of February.
        since = years_after(self.until, -self.battery_years) + timedelta(days=1)
        return Wanted(is_bound=is_bound, ending=(midnight.astimezone(UTC), since))

    def _ends(self, token: Shelved) -> list[tuple[date, Why]]:
        ends = []
        if token.validity.not_after is not None:
            ends.append((day_of(token.validity.not_after, self.zone), Why.VALIDITY))
        if token.device.since is not None:
            ends.append((years_after(token.device.since, self.battery_years), Why.BATTERY))
        return ends


class Exchange:
    """The plan of what is to be exchanged within so many days from now."""

    def __init__(self, shelf: Shelf, policy: TenantPolicy, days: int, battery_years: int) -> None:
        """Plan for the tenant of ``policy``; see `count` first."""
        self._shelf = shelf
        self._policy = policy
        self._days = days
        self._battery_years = battery_years
        self._counted: Counter[tuple[bool, str]] = Counter()

    async def count(self) -> Mapping[tuple[bool, str], int]:
        """Return how many are due, by whether a customer has them and by month."""
        today = day_of(await self._shelf.now(), self._policy.zone)
        self._horizon = Horizon(
            today, today + timedelta(days=self._days), self._battery_years, self._policy.zone
        )
        async for due in self._all(None):
            self._counted[due.token.is_bound, self._horizon.month(due)] += 1
        return self._counted

    async def dues(self) -> AsyncIterator[Due]:
        """Yield what was counted: what customers have comes first, then month by month.

        Within a month the serials are in order. Each month is looked for anew:
        memory does not grow with what is due.
        """
        for is_bound, month in sorted(self._counted, key=lambda key: (not key[0], key[1])):
            async for due in self._all(is_bound):
                if self._horizon.month(due) == month:
                    yield due

    async def _all(self, is_bound: bool | None) -> AsyncIterator[Due]:  # noqa: FBT001 - three-valued
        wanted = self._horizon.wanted(is_bound=is_bound)
        async for page in pages(self._shelf, self._policy.service_id, wanted):
            for due in map(self._horizon.due, page.tokens):
                if due is not None:
                    yield due


def years_after(day: date, years: int) -> date:
    """Return the same day of another year; the 28th of February for a 29th that it has not."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=_LAST_OF_FEBRUARY)
