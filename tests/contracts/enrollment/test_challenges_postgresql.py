# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL keeps the contract of challenges about transactions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.enrollment.challenge_bench import SigningBank
from contracts.enrollment.challenge_contract import MakeContract, RefusedContract, RequestContract
from contracts.enrollment.challenge_limit_contract import CanSignContract, ManyContract
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster


@pytest.fixture
def bank(cluster: Cluster) -> Iterator[SigningBank]:
    database = PostgresqlTestDatabase(cluster)
    yield SigningBank(database)
    database.close()


class TestMaking(MakeContract):
    pass


class TestRefusals(RefusedContract):
    pass


class TestRequests(RequestContract):
    pass


class TestMany(ManyContract):
    pass


class TestWhoCanSign(CanSignContract):
    pass
