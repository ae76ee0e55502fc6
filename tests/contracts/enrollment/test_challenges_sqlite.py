# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the contract of challenges about transactions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.enrollment.challenge_bench import SigningBank
from contracts.enrollment.challenge_contract import MakeContract, RefusedContract, RequestContract
from contracts.enrollment.challenge_limit_contract import CanSignContract, ManyContract
from support.databases.database import TestDatabase


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[SigningBank]:
    database = TestDatabase(tmp_path)
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
