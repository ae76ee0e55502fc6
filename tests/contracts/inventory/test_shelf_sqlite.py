# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the shelf's contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.inventory.shelf_contract import CardContract, LifeContract
from contracts.inventory.shelf_list_contract import ListContract
from contracts.inventory.shelf_report_contract import DriftContract, DueContract
from contracts.sql_bench import SqlBench
from support.databases.database import TestDatabase


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SqlBench]:
    database = TestDatabase(tmp_path)
    yield SqlBench(database)
    database.close()


class TestLives(LifeContract):
    pass


class TestCards(CardContract):
    pass


class TestLists(ListContract):
    pass


class TestExchanges(DueContract):
    pass


class TestDrift(DriftContract):
    pass
