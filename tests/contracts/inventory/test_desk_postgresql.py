# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL keeps the counter's contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.inventory.desk_contract import AssignContract, LookContract, ReturnContract
from contracts.sql_bench import SqlBench
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster


@pytest.fixture
def bench(cluster: Cluster) -> Iterator[SqlBench]:
    database = PostgresqlTestDatabase(cluster)
    yield SqlBench(database)
    database.close()


class TestLooks(LookContract):
    pass


class TestAssignments(AssignContract):
    pass


class TestReturns(ReturnContract):
    pass
