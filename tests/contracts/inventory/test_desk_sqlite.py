# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the counter's contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.inventory.desk_contract import AssignContract, LookContract, ReturnContract
from contracts.sql_bench import SqlBench
from support.databases.database import TestDatabase


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SqlBench]:
    database = TestDatabase(tmp_path)
    yield SqlBench(database)
    database.close()


class TestLooks(LookContract):
    pass


class TestAssignments(AssignContract):
    pass


class TestReturns(ReturnContract):
    pass
