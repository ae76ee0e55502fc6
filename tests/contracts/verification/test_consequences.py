# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the contracts of what acceptances bring about."""

from __future__ import annotations

import pytest

from contracts.verification.consequence_contract import FitContract, TerminationContract
from contracts.verification.exchange_contract import BeginningContract, ReplacementContract
from contracts.verification.handover_race_contract import HandoverRaceContract
from contracts.verification.stock_code_contract import (
    StockClaimContract,
    StockCodeContract,
    UnclaimedContract,
)
from contracts.verification.taking_contract import RegistrationContract
from kagimori.adapters.sql import database as sql_database
from support.databases.database import AnyDatabase, PostgresqlTestDatabase


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
    @pytest.fixture(autouse=True)
    def _no_second_try(self, database: AnyDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let a deadlock be seen, which PostgreSQL would find and the store would mend."""
        if isinstance(database, PostgresqlTestDatabase):
            monkeypatch.setattr(sql_database, "_TRIES", 1)
