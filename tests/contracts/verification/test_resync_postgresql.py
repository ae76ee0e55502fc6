# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL keeps the contracts of resynchronisation and of a token's time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.sql_bench import SqlBench
from contracts.verification.resync_contract import ResyncContract
from contracts.verification.validity_contract import NobodysContract, ValidityContract
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster


@pytest.fixture
def bench(cluster: Cluster) -> Iterator[SqlBench]:
    place = PostgresqlTestDatabase(cluster)
    yield SqlBench(place)
    place.close()


class TestResynchronisations(ResyncContract):
    pass


class TestValidity(ValidityContract):
    pass


class TestNobodys(NobodysContract):
    pass
