# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the stock's contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.inventory.stock_benches import SqlStockBench
from contracts.inventory.stock_contract import StockContract
from support.databases.database import TestDatabase


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SqlStockBench]:
    database = TestDatabase(tmp_path)
    yield SqlStockBench(database)
    database.close()


class TestStock(StockContract):
    pass
