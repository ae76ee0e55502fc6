# SPDX-License-Identifier: Apache-2.0
"""Where staff look at a tenant's tokens and put them away. It needs no HSM."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from kagimori.adapters.sql.inventory.shelf import SqlShelf
from kagimori.application.inventory.drift import Drifting, drifting
from kagimori.application.inventory.exchange import Due, Exchange
from kagimori.application.inventory.shelf import ChangeToken, card_of, pages
from kagimori.application.inventory.shelf_ports import Card, Change, Page, Wanted
from kagimori.bootstrap.parts import opened_database
from kagimori.bootstrap.refusals import StartError
from kagimori.bootstrap.tenants import tenants_in_force
from kagimori.config import Config
from kagimori.domain.lifecycle import Event
from kagimori.domain.tenant import TenantPolicy

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ShelfDesk:
    """One tenant's tokens, for one thread without an event loop of its own.

    Every method may raise `StoreUnavailable`; those that name a serial raise
    `ShelfRefused`.
    """

    policy: TenantPolicy
    actor: str
    _shelf: SqlShelf
    _runner: asyncio.Runner

    def now(self) -> datetime:
        """Return the time by the database's clock, UTC."""
        return self._runner.run(self._shelf.now())

    def pages(self, wanted: Wanted) -> Iterator[Page]:
        """Yield the tokens that are wanted, by serial."""
        return self._each(pages(self._shelf, self.policy.service_id, wanted))

    def card(self, serial: str) -> Card:
        """Return all there is to see of a token."""
        return self._runner.run(card_of(self._shelf, self.policy.service_id, serial))

    def change(self, serial: str, event: Event) -> Change:
        """Do UNLOCK, RETIRE or CONDEMN; see `ChangeToken`."""
        return self._runner.run(ChangeToken(self._shelf, self.policy, self.actor)(serial, event))

    def due(
        self, days: int, battery_years: int
    ) -> tuple[Mapping[tuple[bool, str], int], Iterator[Due]]:
        """Return what is to be exchanged: how many, and each; see `Exchange`."""
        exchange = Exchange(self._shelf, self.policy, days, battery_years)
        return self._runner.run(exchange.count()), self._each(exchange.dues())

    def drifting(self, edge: int) -> Iterator[Drifting]:
        """Yield the clocks near the edge, the worst first."""
        return self._each(drifting(self._shelf, self.policy, edge))

    def _each(self, source: AsyncIterator[T]) -> Iterator[T]:
        """Yield what ``source`` yields, and leave the event loop in between."""

        async def step() -> T:
            return await anext(source)

        while True:
            try:
                one = self._runner.run(step())
            except StopAsyncIteration:
                return
            yield one


@contextmanager
def shelf_desk(config: Config, tenant: str, actor: str) -> Iterator[ShelfDesk]:
    """Open the database for staff who look after one tenant (its name or service ID).

    Raises `StartError`.
    """
    in_force = tenants_in_force(config)
    by_id = {policy.service_id: policy for policy in in_force.values()}
    policy = in_force.get(tenant) or by_id.get(tenant)
    if policy is None:
        raise StartError(f"no tenant {tenant}: there are {', '.join(sorted(in_force))}")
    with opened_database(config) as database, asyncio.Runner() as runner:
        yield ShelfDesk(policy, actor, SqlShelf(database), runner)
