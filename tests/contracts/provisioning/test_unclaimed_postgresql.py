# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL keeps the contracts of tokens that wait for their customers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.provisioning.unclaimed_contract import (
    MadeBeforeContract,
    SweepContract,
    UnclaimedTokenContract,
    WaitingTokenContract,
)
from kagimori.adapters.sql.provisioning.unclaimed import SqlUnclaimedTokens
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster


@pytest.fixture
def database(cluster: Cluster) -> Iterator[PostgresqlTestDatabase]:
    place = PostgresqlTestDatabase(cluster)
    yield place
    place.close()


@pytest.fixture
def store(database: PostgresqlTestDatabase) -> SqlUnclaimedTokens:
    return SqlUnclaimedTokens(database.open())


class TestTokens(UnclaimedTokenContract):
    pass


class TestBefore(MadeBeforeContract):
    pass


class TestWaiting(WaitingTokenContract):
    pass


class TestSweeping(SweepContract):
    pass
