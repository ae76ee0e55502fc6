# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the outbox's contract."""

from __future__ import annotations

import pytest

from contracts.notification.outbox_bench import OutboxBench
from contracts.notification.outbox_contract import OutboxContract, ReplayContract
from support.databases.database import AnyDatabase


@pytest.fixture
def bench(database: AnyDatabase) -> OutboxBench:
    return OutboxBench(database)


class TestOutbox(OutboxContract):
    pass


class TestReplays(ReplayContract):
    pass
