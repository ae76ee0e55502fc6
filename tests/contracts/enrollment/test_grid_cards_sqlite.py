# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the grid cards' contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.enrollment.grid_answer_contract import AnswerContract, RequestContract
from contracts.enrollment.grid_card_contract import ChallengeContract, UnlockContract
from contracts.enrollment.grid_trouble_contract import TroubleContract
from support.banks.grid_cards import CardBank
from support.databases.database import TestDatabase


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[CardBank]:
    database = TestDatabase(tmp_path)
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
