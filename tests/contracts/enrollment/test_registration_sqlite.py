# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the contract of customers who bring their tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.enrollment.registration_contract import (
    ChoiceContract,
    ExchangeContract,
    StockContract,
    TriesContract,
)
from contracts.sql_bench import SqlBench
from support.databases.database import TestDatabase


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SqlBench]:
    database = TestDatabase(tmp_path)
    yield SqlBench(database)
    database.close()


class TestTries(TriesContract):
    pass


class TestChoices(ChoiceContract):
    pass


class TestExchanges(ExchangeContract):
    pass


class TestStock(StockContract):
    pass
