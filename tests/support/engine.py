# SPDX-License-Identifier: Apache-2.0
"""Cases without a bank around them, and a store that grants and accepts all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from unittest.mock import Mock
from uuid import uuid4

import pytest

from kagimori.application.ports import (
    BySerial,
    Claim,
    ClaimAnswer,
    Granted,
    Match,
    Search,
    SearchAnswer,
    SettleAnswer,
    Settled,
    Settlement,
    SignatureCheck,
)
from kagimori.application.verification.case import Case
from kagimori.domain.code import Otp
from kagimori.domain.outcome import Outcome, Receipt, Verdict
from kagimori.domain.policy import AttemptLimits, Operation, Windows
from support.tokens import TENANT, identity, token

PATIENCE = 30.0
"""Seconds after which a gate that nobody opens fails its test."""

ACCEPTED = Verdict(Outcome.ACCEPTED, Receipt(1, datetime(2003, 7, 16, tzinfo=UTC)), 5)


def case(serial: str, *, tenant: str = TENANT, seconds: float = 60.0) -> Case:
    """Return a case of the token ``serial``; outside a loop its answer is a stand-in."""
    claim = Claim(
        tenant=tenant,
        request_id=str(uuid4()),
        caller="channel",
        subject=BySerial(serial),
        operation=Operation.LOGIN,
        code_length=6,
        fingerprint=b"",
        lease=str(uuid4()),
        today=date(2003, 7, 16),
        limits=AttemptLimits(),
    )
    try:
        answer = asyncio.get_running_loop().create_future()
    except RuntimeError:
        answer = Mock()
    return Case(claim, Otp("755224"), Windows(), 0.0, time.monotonic() + seconds, answer)


@dataclass
class GenerousStore:
    """Grants each claim and accepts each search; a closed gate holds commits up."""

    commits: list[tuple[int, int]] = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def commit(
        self, settlements: Sequence[Settlement], claims: Sequence[Claim]
    ) -> tuple[list[SettleAnswer], list[ClaimAnswer]]:
        self.commits.append((len(settlements), len(claims)))
        self.claimed += [claim.subject.value for claim in claims]
        await asyncio.wait_for(self.gate.wait(), PATIENCE)
        granted = [Granted(token(identity(serial=claim.subject.value))) for claim in claims]
        return [Settled(ACCEPTED) for _ in settlements], [*granted]

    async def ping(self) -> None:
        pass


@dataclass
class AgreeableVault:
    """Finds each code; a closed gate holds searches up."""

    batches: list[int] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def search(self, searches: Sequence[Search | SignatureCheck]) -> list[SearchAnswer]:
        self.batches.append(len(searches))
        await asyncio.wait_for(self.gate.wait(), PATIENCE)
        return [Match(step=1) for _ in searches]


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop work until it has come to that."""
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.001)
    pytest.fail("it did not come to that")
