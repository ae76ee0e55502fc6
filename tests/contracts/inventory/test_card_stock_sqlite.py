# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the contract of a stock of grid cards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.inventory.card_stock_contract import CardBench, CardStockContract
from support.databases.database import TestDatabase


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[CardBench]:
    database = TestDatabase(tmp_path)
    yield CardBench(database)
    database.close()


class TestCardStock(CardStockContract):
    pass
