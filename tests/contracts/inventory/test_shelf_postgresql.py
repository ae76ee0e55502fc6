# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL keeps the shelf's contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.inventory.shelf_contract import CardContract, LifeContract
from contracts.inventory.shelf_list_contract import ListContract
from contracts.inventory.shelf_report_contract import DriftContract, DueContract
from contracts.sql_bench import SqlBench
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster


@pytest.fixture
def bench(cluster: Cluster) -> Iterator[SqlBench]:
    database = PostgresqlTestDatabase(cluster)
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
