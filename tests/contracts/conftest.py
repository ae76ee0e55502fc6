# SPDX-License-Identifier: Apache-2.0
"""The databases: each contract of a store is kept on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.sql_bench import SqlBench
from support.databases.database import AnyDatabase, PostgresqlTestDatabase, TestDatabase


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    """A migrated database of the test's own."""
    place: AnyDatabase
    if request.param == "sqlite":
        place = TestDatabase(tmp_path)
    else:
        place = PostgresqlTestDatabase(request.getfixturevalue("cluster"))
    yield place
    place.close()


@pytest.fixture
def bench(database: AnyDatabase) -> SqlBench:
    return SqlBench(database)
