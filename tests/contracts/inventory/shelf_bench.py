# SPDX-License-Identifier: Apache-2.0
"""Short words for the tests of a shelf over a real database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from contracts.inventory.stock_contract import DELIVERY
from contracts.sql_bench import SqlBench
from contracts.store_bench import Row
from kagimori.adapters.sql.inventory.shelf import SqlShelf
from kagimori.adapters.sql.inventory.stock import SqlStock
from kagimori.application.deliveries.ports import NewToken
from kagimori.application.inventory.shelf import ChangeToken, pages
from kagimori.application.inventory.shelf_ports import (
    Change,
    Page,
    Shelf,
    Wanted,
)
from kagimori.domain.lifecycle import DESTROYED, NOBODYS, Event, State
from kagimori.domain.policy import Windows
from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.token import (
    Hash,
    MovingFactor,
    Profile,
    Token,
)
from support.banks.bank import TOKYO
from support.tokens import EVENT, SERIAL, SUBSCRIBER, TENANT, identity, token
from support.waiting import waited

TIME = Profile(MovingFactor.TIME, Hash.SHA1, digits=6, period=30)
POLICY = TenantPolicy("bank", TENANT, TOKYO, windows=Windows(max_drift=10))
KEEPER = "os-user:keeper"

# Noon in Tokyo on a day from which the end of a February is near.
NOON = datetime(2028, 2, 1, 3, tzinfo=UTC)


class NoonShelf(SqlShelf):
    """A shelf whose clock stands, so that a test's days are certain."""

    async def now(self) -> datetime:
        return NOON


def named(number: int, **changes: Any) -> Token:  # noqa: ANN401 - any field of the token
    """Return a token in stock; its serial sorts by ``number``."""
    serial = f"S{number:05}"
    row = identity(
        changes.pop("profile", EVENT),
        token_id=f"id-{serial}",
        serial=serial,
        subscriber=changes.pop("subscriber", None),
        **changes.pop("row", {}),
    )
    changes.setdefault("state", State.ACTIVE if row.subscriber else State.IN_STOCK)
    return replace(token(row), **changes)


def in_state(state: State) -> Token:
    """Return a token as it is in ``state``."""
    row = identity(subscriber=None if state in NOBODYS else SUBSCRIBER)
    if state in DESTROYED:
        row = replace(row, seed=replace(row.seed, blob=b""))
    return token(row, state=state, last_step=41)


def add(bench: SqlBench, news: Sequence[NewToken]) -> str:
    """Bring tokens in; return the delivery's ID."""
    stock = SqlStock(bench.database.open())
    delivery_id = waited(stock.begin(DELIVERY))
    waited(stock.add(delivery_id, news, KEEPER))
    return delivery_id


def shelf_of(bench: SqlBench) -> SqlShelf:
    return SqlShelf(bench.database.open())


def change(bench: SqlBench, event: Event, serial: str = SERIAL) -> Change:
    return waited(ChangeToken(shelf_of(bench), POLICY, KEEPER)(serial, event))


def all_pages(shelf: Shelf, wanted: Wanted) -> list[Page]:
    async def collect() -> list[Page]:
        return [page async for page in pages(shelf, TENANT, wanted)]

    return waited(collect())


def serials(shelf: Shelf, wanted: Wanted) -> list[str]:
    return [token.serial for page in all_pages(shelf, wanted) for token in page.tokens]


def row_of(bench: SqlBench) -> Row:
    (row,) = bench.rows("tokens")
    return dict(row)
