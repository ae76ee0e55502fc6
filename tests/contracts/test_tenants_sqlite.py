# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the tenants' contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.tenants_contract import TenantsContract
from support.databases.database import TestDatabase


@pytest.fixture
def database(tmp_path: Path) -> Iterator[TestDatabase]:
    place = TestDatabase(tmp_path)
    yield place
    place.close()


class TestTenants(TenantsContract):
    pass
