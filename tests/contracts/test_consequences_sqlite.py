# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the contracts of what acceptances bring about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.consequence_contract import FitContract, TerminationContract
from contracts.exchange_contract import BeginningContract, ReplacementContract
from contracts.handover_race_contract import HandoverRaceContract
from contracts.sql_bench import SqlBench
from contracts.stock_code_contract import (
    StockClaimContract,
    StockCodeContract,
    UnclaimedContract,
)
from contracts.taking_contract import RegistrationContract
from support.database import TestDatabase


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SqlBench]:
    database = TestDatabase(tmp_path)
    yield SqlBench(database)
    database.close()


class TestStockClaims(StockClaimContract):
    pass


class TestUnclaimed(UnclaimedContract):
    pass


class TestStockCodes(StockCodeContract):
    pass


class TestRegistrations(RegistrationContract):
    pass


class TestBeginnings(BeginningContract):
    pass


class TestReplacements(ReplacementContract):
    pass


class TestTerminations(TerminationContract):
    pass


class TestFit(FitContract):
    pass


class TestHandoverRaces(HandoverRaceContract):
    pass
