# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL keeps the tenants' contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.tenants_contract import TenantsContract
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster


@pytest.fixture
def database(cluster: Cluster) -> Iterator[PostgresqlTestDatabase]:
    place = PostgresqlTestDatabase(cluster)
    yield place
    place.close()


class TestTenants(TenantsContract):
    pass
