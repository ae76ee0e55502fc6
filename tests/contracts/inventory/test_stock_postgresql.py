# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL keeps the stock's contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.inventory.stock_benches import SqlStockBench
from contracts.inventory.stock_contract import StockContract
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster


@pytest.fixture
def bench(cluster: Cluster) -> Iterator[SqlStockBench]:
    database = PostgresqlTestDatabase(cluster)
    yield SqlStockBench(database)
    database.close()


class TestStock(StockContract):
    pass
