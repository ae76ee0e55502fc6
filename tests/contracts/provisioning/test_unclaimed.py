# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the contracts of tokens that wait for their customers."""

from __future__ import annotations

import pytest

from contracts.provisioning.unclaimed_contract import (
    MadeBeforeContract,
    SweepContract,
    UnclaimedTokenContract,
    WaitingTokenContract,
)
from kagimori.adapters.sql.provisioning.unclaimed import SqlUnclaimedTokens
from support.databases.database import AnyDatabase


@pytest.fixture
def store(database: AnyDatabase) -> SqlUnclaimedTokens:
    return SqlUnclaimedTokens(database.open())


class TestTokens(UnclaimedTokenContract):
    pass


class TestBefore(MadeBeforeContract):
    pass


class TestWaiting(WaitingTokenContract):
    pass


class TestSweeping(SweepContract):
    pass
