# SPDX-License-Identifier: Apache-2.0
"""The fake stock keeps the stock's contract."""

from __future__ import annotations

import pytest

from contracts.inventory.stock_benches import FakeBench
from contracts.inventory.stock_contract import StockContract


@pytest.fixture
def bench() -> FakeBench:
    return FakeBench()


class TestStock(StockContract):
    pass
