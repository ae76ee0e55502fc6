# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the contracts of provisioning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.provisioning.provisioning_contract import (
    ProvisioningClaimContract,
    ProvisioningRefusalContract,
    ProvisioningTokenContract,
)
from contracts.provisioning.try_limit_contract import TryLimitContract
from kagimori.adapters.sql.provisioning.store import SqlProvisioningStore
from support.databases.database import TestDatabase


@pytest.fixture
def database(tmp_path: Path) -> Iterator[TestDatabase]:
    place = TestDatabase(tmp_path)
    yield place
    place.close()


@pytest.fixture
def store(database: TestDatabase) -> SqlProvisioningStore:
    return SqlProvisioningStore(database.open())


class TestClaims(ProvisioningClaimContract):
    pass


class TestRefusals(ProvisioningRefusalContract):
    pass


class TestTokens(ProvisioningTokenContract):
    pass


class TestTryLimits(TryLimitContract):
    pass
