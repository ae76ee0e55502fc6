# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL keeps the contracts of provisioning."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.provisioning.provisioning_contract import (
    ProvisioningClaimContract,
    ProvisioningRefusalContract,
    ProvisioningTokenContract,
)
from contracts.provisioning.try_limit_contract import TryLimitContract
from kagimori.adapters.sql.provisioning.store import SqlProvisioningStore
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster


@pytest.fixture
def database(cluster: Cluster) -> Iterator[PostgresqlTestDatabase]:
    place = PostgresqlTestDatabase(cluster)
    yield place
    place.close()


@pytest.fixture
def store(database: PostgresqlTestDatabase) -> SqlProvisioningStore:
    return SqlProvisioningStore(database.open())


class TestClaims(ProvisioningClaimContract):
    pass


class TestRefusals(ProvisioningRefusalContract):
    pass


class TestTokens(ProvisioningTokenContract):
    pass


class TestTryLimits(TryLimitContract):
    pass
