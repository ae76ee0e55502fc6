# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the stores' contracts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.batch_contract import BatchContract, CrowdContract
from contracts.claim_contract import ClaimContract, SameRequestContract, UnknownContract
from contracts.inventory_contract import InventoryContract
from contracts.limit_contract import LimitContract
from contracts.settle_contract import OversleptContract, RaceContract, SettleContract
from contracts.sql_bench import SqlBench
from support.database import TestDatabase


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SqlBench]:
    database = TestDatabase(tmp_path)
    yield SqlBench(database)
    database.close()


class TestBatches(BatchContract):
    pass


class TestCrowds(CrowdContract):
    pass


class TestClaims(ClaimContract):
    pass


class TestUnknownNames(UnknownContract):
    pass


class TestSameRequest(SameRequestContract):
    pass


class TestLimits(LimitContract):
    pass


class TestSettlements(SettleContract):
    pass


class TestOverslept(OversleptContract):
    pass


class TestRaces(RaceContract):
    pass


class TestInventory(InventoryContract):
    pass
