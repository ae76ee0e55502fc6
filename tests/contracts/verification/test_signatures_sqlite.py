# SPDX-License-Identifier: Apache-2.0
"""SQLite keeps the contract of signatures over transactions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.sql_bench import SqlBench
from contracts.verification.signature_batch_contract import (
    SignatureBatchContract,
    SignatureRaceContract,
)
from contracts.verification.signature_challenge_contract import (
    ChallengeContract,
    SameSignatureContract,
)
from contracts.verification.signature_contract import OversleptSignatureContract, SignatureContract
from support.databases.database import TestDatabase


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SqlBench]:
    database = TestDatabase(tmp_path)
    yield SqlBench(database)
    database.close()


class TestSignatures(SignatureContract):
    pass


class TestChallenges(ChallengeContract):
    pass


class TestSameRequest(SameSignatureContract):
    pass


class TestOverslept(OversleptSignatureContract):
    pass


class TestBatches(SignatureBatchContract):
    pass


class TestRaces(SignatureRaceContract):
    pass
