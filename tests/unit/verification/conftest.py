# SPDX-License-Identifier: Apache-2.0
"""A bank for every test of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.banks.bank import Bank
from support.databases.database import TestDatabase


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    database = TestDatabase(tmp_path)
    bank = Bank(database)
    bank.enrol()
    yield bank
    bank.close()
    database.close()
