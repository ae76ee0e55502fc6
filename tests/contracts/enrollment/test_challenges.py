# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the contract of challenges about transactions."""

from __future__ import annotations

import pytest

from contracts.enrollment.challenge_bench import SigningBank
from contracts.enrollment.challenge_contract import MakeContract, RefusedContract, RequestContract
from contracts.enrollment.challenge_limit_contract import CanSignContract, ManyContract
from support.databases.database import AnyDatabase


@pytest.fixture
def bank(database: AnyDatabase) -> SigningBank:
    return SigningBank(database)


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
