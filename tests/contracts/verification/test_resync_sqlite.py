# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the contracts of resynchronisation and of a token's time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.sql_bench import SqlBench
from contracts.verification.resync_contract import ResyncContract
from contracts.verification.validity_contract import NobodysContract, ValidityContract
from support.databases.database import TestDatabase


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SqlBench]:
    database = TestDatabase(tmp_path)
    yield SqlBench(database)
    database.close()


class TestResynchronisations(ResyncContract):
    pass


class TestValidity(ValidityContract):
    pass


class TestNobodys(NobodysContract):
    pass
