# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the grid cards' contract."""

from __future__ import annotations

import pytest

from contracts.enrollment.grid_answer_contract import AnswerContract, RequestContract
from contracts.enrollment.grid_card_contract import ChallengeContract, UnlockContract
from contracts.enrollment.grid_trouble_contract import TroubleContract
from support.banks.grid_cards import CardBank
from support.databases.database import AnyDatabase


@pytest.fixture
def bank(database: AnyDatabase) -> CardBank:
    return CardBank(database)


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
