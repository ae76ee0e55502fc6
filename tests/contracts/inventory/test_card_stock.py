# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the contract of a stock of grid cards."""

from __future__ import annotations

import pytest

from contracts.inventory.card_stock_contract import CardBench, CardStockContract
from support.databases.database import AnyDatabase


@pytest.fixture
def bench(database: AnyDatabase) -> CardBench:
    return CardBench(database)


class TestCardStock(CardStockContract):
    pass
