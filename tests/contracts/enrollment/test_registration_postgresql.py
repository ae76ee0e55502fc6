# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL keeps the contract of customers who bring their tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.enrollment.registration_contract import (
    ChoiceContract,
    ExchangeContract,
    StockContract,
    TriesContract,
)
from contracts.sql_bench import SqlBench
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster


@pytest.fixture
def bench(cluster: Cluster) -> Iterator[SqlBench]:
    database = PostgresqlTestDatabase(cluster)
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
