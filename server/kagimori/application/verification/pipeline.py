# SPDX-License-Identifier: Apache-2.0
"""Group commit: cases go through claim, search and settlement in batches.

Each commit settles what was searched and claims what has arrived: a quiet server
adds no delay, a busy one lets many cases share a commit. While it is under way the
claims of earlier ones are searched for, and the next cases come in. All that works
here is the event loop: what takes time happens in the database and on the
extension's threads.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from kagimori.application.ports import (
    Answered,
    ClaimAnswer,
    GrantedUnknown,
    Held,
    NotKnown,
    Overslept,
    Refused,
    SeedVault,
    SettleAnswer,
    VerificationStore,
)
from kagimori.application.verification import searching
from kagimori.application.verification.case import RETRY_AFTER, Case
from kagimori.application.verification.pace import Pace
from kagimori.application.verification.searching import Granted, Searched
from kagimori.domain.errors import LeaseLost
from kagimori.domain.outcome import Verdict

_SEARCHES: Final = 4
"""Batches at the HSM at once: enough that its sessions do not wait for a commit."""

_COMMITS: Final = 2
"""Batches at the database at once: enough that it does not wait for the event loop."""

_ENOUGH: Final = 128
"""Claims and settlements with which a commit waits for no more: its own cost is nothing then."""

_SPARE: Final = 0.004
"""Seconds after which a commit is made in spite of searches that are under way."""

Ended = tuple[Case, Verdict | Exception | None]
"""A case and its answer; None where its caller's time was up before the claim."""

_Answer = Callable[[Sequence[Ended]], None]
_Hold = Callable[[Sequence[tuple[Case, float]]], None]


@dataclass(slots=True)
class _Batch:
    """What one commit is about, and what it comes to."""

    settling: list[Searched] = field(default_factory=list)
    claiming: list[Case] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    held: list[tuple[Case, float]] = field(default_factory=list)
    granted: list[Granted] = field(default_factory=list)


class Pipeline:
    """Takes cases, and tells of their ends. For one event loop."""

    def __init__(
        self, store: VerificationStore, vault: SeedVault, pace: Pace, largest: int
    ) -> None:
        """Let at most ``largest`` claims, and so many settlements, share a commit."""
        self._store = store
        self._vault = vault
        self._pace = pace
        self._largest = largest
        self._to_claim: deque[Case] = deque()
        self._to_settle: deque[Searched] = deque()
        # How many cases are here: they leave at their end, or to be claimed again.
        self._inside = 0
        self._committing = 0
        self._searching = 0
        self._wanted = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def claim(self, case: Case) -> None:
        """Let the next commit claim ``case``, which must be at the front of its line."""
        self._to_claim.append(case)
        self._inside += 1
        self._want()

    def _want(self) -> None:
        """Have a commit made, now or in a while.

        Now if there are enough for it, or if nobody who is here could still join and
        there is time to spare. A case that is alone so waits for nobody.
        """
        ready = len(self._to_claim) + len(self._to_settle)
        patience = self._pace.patience
        enough = ready >= min(_ENOUGH, self._largest)
        if not ready or self._committing >= (_COMMITS if enough or patience else 1):
            return
        if enough or (ready == self._inside and not patience):
            self._wanted.set()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(patience or _SPARE, self._wanted.set)

    def withdraw(self, case: Case) -> bool:
        """Return whether ``case`` was not claimed, and will not be."""
        if case.claimed:
            return False
        case.withdrawn = True
        return True

    async def run(self, answer: _Answer, hold: _Hold) -> None:
        """Work until cancelled; ``answer`` and ``hold`` are called with what has ended."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                self._stop_timer()
                batch = self._next_batch()
                if batch is not None:
                    self._committing += 1
                    group.create_task(self._carry_out(batch, group, answer, hold))

    async def _carry_out(
        self, batch: _Batch, group: asyncio.TaskGroup, answer: _Answer, hold: _Hold
    ) -> None:
        await self._commit(batch)
        self._committing -= 1
        if batch.granted:
            self._searching += 1
            group.create_task(self._search(batch.granted))
        self._inside -= len(batch.ended) + len(batch.held)
        answer(batch.ended)
        hold(batch.held)
        self._want()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next_batch(self) -> _Batch | None:
        """Return what the next commit is about; None if nothing waits."""
        batch = _Batch()
        while self._to_settle and len(batch.settling) < self._largest:
            batch.settling.append(self._to_settle.popleft())
        # A claim spends an attempt: none is made that the HSM is too busy to search for.
        if self._searching < _SEARCHES:
            self._take_claims(batch)
        return batch if batch.settling or batch.claiming or batch.ended else None

    def _take_claims(self, batch: _Batch) -> None:
        now = time.monotonic()
        while self._to_claim and len(batch.claiming) < self._largest:
            case = self._to_claim.popleft()
            if case.withdrawn:
                self._inside -= 1
            elif case.answer.done() or case.is_too_late(now):
                case.withdrawn = True
                batch.ended.append((case, None))
            else:
                case.claimed = True
                batch.claiming.append(case)

    async def _commit(self, batch: _Batch) -> None:
        if not batch.settling and not batch.claiming:
            return
        settlements = [searched.settlement for searched in batch.settling]
        claims = [case.claim for case in batch.claiming]
        try:
            settled, claimed = await self._store.commit(settlements, claims)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody is left waiting
            batch.ended += [(searched.case, error) for searched in batch.settling]
            batch.ended += [(case, error) for case in batch.claiming]
            return
        for searched, reply in zip(batch.settling, settled, strict=True):
            batch.ended.append((searched.case, _settled(searched, reply)))
        for case, answer in zip(batch.claiming, claimed, strict=True):
            self._claimed(batch, case, answer)

    def _claimed(self, batch: _Batch, case: Case, answer: ClaimAnswer) -> None:
        if isinstance(answer, Held):
            case.claimed = False
            batch.held.append((case, answer.seconds))
        elif isinstance(answer, Answered):
            batch.ended.append((case, answer.verdict))
        elif isinstance(answer, Refused):
            batch.ended.append((case, answer.error))
        else:
            case.held_for = None
            batch.granted.append(
                Granted(case, None)
                if isinstance(answer, GrantedUnknown)
                else Granted(case, answer.token, answer.signing)
            )

    async def _search(self, granted: list[Granted]) -> None:
        self._to_settle.extend(await searching.search(self._vault, granted))
        self._searching -= 1
        self._want()


def _settled(searched: Searched, answer: SettleAnswer) -> Verdict | Exception:
    if searched.error is not None:
        return searched.error
    if isinstance(answer, NotKnown):
        return answer.error
    if isinstance(answer, Overslept) or answer.verdict is None:
        return LeaseLost("the search outlasted the token's lease", RETRY_AFTER)
    return answer.verdict
