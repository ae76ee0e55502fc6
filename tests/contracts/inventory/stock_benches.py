# SPDX-License-Identifier: Apache-2.0
"""Benches for the stock's contract: over the fake, and over a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from contracts.inventory.stock_contract import Kept
from fakes.stock import FakeStock
from kagimori.adapters.sql.inventory.stock import SqlStock
from kagimori.adapters.sql.rows import ALL, COLUMNS, token_of, values_of
from kagimori.domain.device import Device, Validity
from kagimori.domain.lifecycle import State
from kagimori.domain.token import Token
from support.databases.database import AnyDatabase
from support.tokens import TENANT

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_KEPT = """
SELECT t.*, d.delivery_id, d.manufacturer, d.model, d.since
FROM tokens t JOIN devices d ON d.tenant = t.tenant AND d.token_id = t.token_id
WHERE t.tenant = ? AND t.serial = ?
"""


class FakeBench:
    """See `StockBench`."""

    def __init__(self) -> None:
        self.stock = FakeStock()

    def kept(self, serial: str, tenant: str = TENANT) -> Kept:
        key = tenant, serial
        news = self.stock.news[key]
        device = news.device
        if device.since is None:
            device = replace(device, since=datetime.now(UTC).date())
        return Kept(self.stock.tokens[key], news.validity, device, self.stock.came_with[key])

    def serials(self) -> list[str]:
        return sorted(serial for _, serial in self.stock.tokens)

    def audit(self) -> list[tuple[str, str, str]]:
        return self.stock.audit

    def put(self, one: Token) -> None:
        self.stock.tokens[one.identity.tenant, one.identity.serial] = one

    def change(self, serial: str, state: State, subscriber: str | None) -> None:
        one = self.stock.tokens[TENANT, serial]
        changed = replace(one, identity=replace(one.identity, subscriber=subscriber), state=state)
        self.stock.tokens[TENANT, serial] = changed


class SqlStockBench:
    """See `StockBench`."""

    def __init__(self, database: AnyDatabase) -> None:
        self.database = database
        self.stock = SqlStock(database.open())

    def kept(self, serial: str, tenant: str = TENANT) -> Kept:
        # A statement with values gives no names in SQLite: these are a test's own.
        text = _KEPT.replace("?", "'{}'").format(tenant, serial)
        (row,) = self.database.run(text)
        return Kept(
            token_of(tuple(row[column] for column in ALL)),
            Validity(_time(row["not_before"]), _time(row["not_after"])),
            Device(row["manufacturer"], row["model"], date.fromisoformat(row["since"])),
            row["delivery_id"],
        )

    def serials(self) -> list[str]:
        rows = self.database.run("SELECT serial FROM tokens")
        return sorted(row["serial"] for row in rows)

    def audit(self) -> list[tuple[str, str, str]]:
        rows = self.database.run("SELECT actor, action, serial FROM audit ORDER BY id")
        return [(row["actor"], row["action"], row["serial"]) for row in rows]

    def put(self, one: Token) -> None:
        values: dict[str, Any] = {name: _plain(value) for name, value in values_of(one).items()}
        places = ", ".join("?" * len(COLUMNS))
        columns = ", ".join(COLUMNS)
        self.database.run(
            f"INSERT INTO tokens ({columns}) VALUES ({places})",  # noqa: S608 - our own
            *(values[column] for column in COLUMNS),
        )

    def change(self, serial: str, state: State, subscriber: str | None) -> None:
        self.database.run(
            "UPDATE tokens SET state = ?, subscriber = ? WHERE serial = ?",
            state.value,
            subscriber,
            serial,
        )


def _plain(value: Any) -> Any:  # noqa: ANN401 - any column
    return str(value) if isinstance(value, str) else value


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
