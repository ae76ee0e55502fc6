# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the contracts of what acceptances bring about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.sql_bench import SqlBench
from contracts.verification.consequence_contract import FitContract, TerminationContract
from contracts.verification.exchange_contract import BeginningContract, ReplacementContract
from contracts.verification.handover_race_contract import HandoverRaceContract
from contracts.verification.stock_code_contract import (
    StockClaimContract,
    StockCodeContract,
    UnclaimedContract,
)
from contracts.verification.taking_contract import RegistrationContract
from support.databases.database import TestDatabase


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
