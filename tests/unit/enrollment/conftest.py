# SPDX-License-Identifier: Apache-2.0
"""A page of the bank for every test of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.banks.bank import Bank
from support.banks.desk import Desk
from support.databases.database import TestDatabase


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = TestDatabase(tmp_path)
    bank = Bank(database)
    desk = Desk(bank)
    yield desk
    desk.close()
    bank.close()
    database.close()
