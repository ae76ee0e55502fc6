# SPDX-License-Identifier: Apache-2.0
"""A bank with one customer, whose app signs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.banks.bank import Bank
from support.databases.database import TestDatabase
from support.phones.signer import Signer, enrol


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    database = TestDatabase(tmp_path)
    bank = Bank(database)
    yield bank
    bank.close()
    database.close()


@pytest.fixture
def signer(bank: Bank) -> Signer:
    return enrol(bank)
