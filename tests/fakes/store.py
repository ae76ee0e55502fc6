# SPDX-License-Identifier: Apache-2.0
"""A store that works, and gets into trouble when told to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from kagimori.application.ports import (
    Claim,
    ClaimAnswer,
    Finding,
    SettleAnswer,
    Settlement,
    VerificationStore,
)
from kagimori.domain.errors import StoreUnavailable


class TroubledStore:
    """Passes everything on to a real store. ``findings`` is what was settled."""

    def __init__(self, store: VerificationStore) -> None:
        self.findings: list[Finding] = []
        self.claims = 0
        self._store = store
        self._before_settle: deque[Callable[[], object]] = deque()
        self._commits_lost = 0

    def before_next_settle(self, happening: Callable[[], object]) -> None:
        """Let something happen between the search and its settlement."""
        self._before_settle.append(happening)

    def lose_next_commit(self) -> None:
        """Settle durably once, and answer that it is not known."""
        self._commits_lost += 1

    async def commit(
        self, settlements: Sequence[Settlement], claims: Sequence[Claim]
    ) -> tuple[list[SettleAnswer], list[ClaimAnswer]]:
        self.claims += len(claims)
        if settlements and self._before_settle:
            # It may take its time, and may wait for a commit that is under way.
            await asyncio.to_thread(self._before_settle.popleft())
        self.findings += [settlement.finding for settlement in settlements]
        answers = await self._store.commit(settlements, claims)
        if settlements and self._commits_lost:
            self._commits_lost -= 1
            raise StoreUnavailable("it is not known whether the commit happened", 0.5)
        return answers

    async def ping(self) -> None:
        await self._store.ping()
