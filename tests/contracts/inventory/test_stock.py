# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the stock's contract."""

from __future__ import annotations

import pytest

from contracts.inventory.stock_benches import SqlStockBench
from contracts.inventory.stock_contract import StockContract
from support.databases.database import AnyDatabase


@pytest.fixture
def bench(database: AnyDatabase) -> SqlStockBench:
    return SqlStockBench(database)


class TestStock(StockContract):
    pass
