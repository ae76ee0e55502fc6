# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the stores' contracts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.claim_contract import (
    ClaimContract,
    SameRequestContract,
    UnknownContract,
)
from contracts.inventory_contract import InventoryContract
from contracts.limit_contract import LimitContract
from contracts.settle_contract import OversleptContract, RaceContract, SettleContract
from kagimori.adapters.sql.inventory import SqlInventory
from kagimori.adapters.sql.verification import SqlVerificationStore
from support.database import TestDatabase


class SqliteBench:
    def __init__(self, database: TestDatabase) -> None:
        opened = database.open()
        self._database = database
        self.store = SqlVerificationStore(opened)
        self.inventory = SqlInventory(opened)

    def another_store(self) -> SqlVerificationStore:
        return SqlVerificationStore(self._database.open())

    def rows(self, table: str) -> list[sqlite3.Row]:
        return self._database.run(f"SELECT * FROM {table} ORDER BY rowid")  # noqa: S608 - our own

    def change(self, table: str, **columns: str | int | None) -> None:
        changes = ", ".join(f"{column} = ?" for column in columns)
        self._database.run(f"UPDATE {table} SET {changes}", *columns.values())  # noqa: S608 - our own

    def expire_leases(self) -> None:
        self._database.run("UPDATE tokens SET lease_until = 1 WHERE lease IS NOT NULL")
        self._database.run("UPDATE requests SET lease_until = 1")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SqliteBench]:
    database = TestDatabase(tmp_path)
    yield SqliteBench(database)
    database.close()


class TestClaims(ClaimContract):
    pass


class TestUnknownNames(UnknownContract):
    pass


class TestSameRequest(SameRequestContract):
    pass


class TestLimits(LimitContract):
    pass


class TestSettlements(SettleContract):
    pass


class TestOverslept(OversleptContract):
    pass


class TestRaces(RaceContract):
    pass


class TestInventory(InventoryContract):
    pass
