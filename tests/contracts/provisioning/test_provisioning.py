# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the contracts of provisioning."""

from __future__ import annotations

import pytest

from contracts.provisioning.provisioning_contract import (
    ProvisioningClaimContract,
    ProvisioningRefusalContract,
    ProvisioningTokenContract,
)
from contracts.provisioning.try_limit_contract import TryLimitContract
from kagimori.adapters.sql.provisioning.store import SqlProvisioningStore
from support.databases.database import AnyDatabase


@pytest.fixture
def store(database: AnyDatabase) -> SqlProvisioningStore:
    return SqlProvisioningStore(database.open())


class TestClaims(ProvisioningClaimContract):
    pass


class TestRefusals(ProvisioningRefusalContract):
    pass


class TestTokens(ProvisioningTokenContract):
    pass


class TestTryLimits(TryLimitContract):
    pass
