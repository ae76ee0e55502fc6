# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the contract of signatures over transactions."""

from __future__ import annotations

from contracts.verification.signature_batch_contract import (
    SignatureBatchContract,
    SignatureRaceContract,
)
from contracts.verification.signature_challenge_contract import (
    ChallengeContract,
    SameSignatureContract,
)
from contracts.verification.signature_contract import OversleptSignatureContract, SignatureContract


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
