# SPDX-License-Identifier: Apache-2.0
"""A page of the bank for every test of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.banks.registering import Page, bank_of
from support.databases.database import TestDatabase


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    database = TestDatabase(tmp_path)
    bank = bank_of(database)
    yield Page(bank)
    bank.close()
    database.close()
