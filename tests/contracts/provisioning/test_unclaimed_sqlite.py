# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the contracts of tokens that wait for their customers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.provisioning.unclaimed_contract import (
    MadeBeforeContract,
    SweepContract,
    UnclaimedTokenContract,
    WaitingTokenContract,
)
from kagimori.adapters.sql.provisioning.unclaimed import SqlUnclaimedTokens
from support.databases.database import TestDatabase


@pytest.fixture
def database(tmp_path: Path) -> Iterator[TestDatabase]:
    place = TestDatabase(tmp_path)
    yield place
    place.close()


@pytest.fixture
def store(database: TestDatabase) -> SqlUnclaimedTokens:
    return SqlUnclaimedTokens(database.open())


class TestTokens(UnclaimedTokenContract):
    pass


class TestBefore(MadeBeforeContract):
    pass


class TestWaiting(WaitingTokenContract):
    pass


class TestSweeping(SweepContract):
    pass
