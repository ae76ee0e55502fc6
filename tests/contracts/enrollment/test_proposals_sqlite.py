# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the contract of two persons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.enrollment.decision_contract import DecideContract, RaceContract
from contracts.enrollment.proposal_contract import ListContract, ProposeContract
from contracts.sql_bench import SqlBench
from support.databases.database import TestDatabase


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SqlBench]:
    database = TestDatabase(tmp_path)
    yield SqlBench(database)
    database.close()


class TestProposals(ProposeContract):
    pass


class TestDecisions(DecideContract):
    pass


class TestLists(ListContract):
    pass


class TestRaces(RaceContract):
    pass
