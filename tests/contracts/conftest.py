# SPDX-License-Identifier: Apache-2.0
"""Stores over a database: each contract is kept on both kinds."""

from __future__ import annotations

import pytest

from contracts.sql_bench import SqlBench
from support.databases.database import AnyDatabase


@pytest.fixture
def bench(database: AnyDatabase) -> SqlBench:
    return SqlBench(database)
