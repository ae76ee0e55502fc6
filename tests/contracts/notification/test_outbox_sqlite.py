# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the outbox's contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.notification.outbox_bench import OutboxBench
from contracts.notification.outbox_contract import OutboxContract, ReplayContract
from support.databases.database import TestDatabase


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[OutboxBench]:
    database = TestDatabase(tmp_path)
    yield OutboxBench(database)
    database.close()


class TestOutbox(OutboxContract):
    pass


class TestReplays(ReplayContract):
    pass
