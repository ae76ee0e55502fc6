# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL keeps the grid cards' contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.enrollment.grid_answer_contract import AnswerContract, RequestContract
from contracts.enrollment.grid_card_contract import ChallengeContract, UnlockContract
from contracts.enrollment.grid_trouble_contract import TroubleContract
from support.banks.grid_cards import CardBank
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster


@pytest.fixture
def bank(cluster: Cluster) -> Iterator[CardBank]:
    database = PostgresqlTestDatabase(cluster)
    yield CardBank(database)
    database.close()


class TestChallenges(ChallengeContract):
    pass


class TestAnswers(AnswerContract):
    pass


class TestRequests(RequestContract):
    pass


class TestTrouble(TroubleContract):
    pass


class TestUnlocks(UnlockContract):
    pass
