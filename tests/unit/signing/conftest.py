# SPDX-License-Identifier: Apache-2.0
"""A bank whose customer signs, for every test of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.banks.bank import Bank
from support.banks.signing_desk import SigningDesk
from support.databases.database import TestDatabase


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SigningDesk]:
    database = TestDatabase(tmp_path)
    bank = Bank(database)
    yield SigningDesk(bank)
    bank.close()
    database.close()
