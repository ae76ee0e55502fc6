# SPDX-License-Identifier: Apache-2.0
"""Group commit: cases go through claim, search and settlement in batches.

One thread commits. Each commit settles what was searched and claims what has
arrived since the last one began: a quiet server adds no delay, a busy one shares
its fsync between half of its cases.
While it is under way other threads search for the claims of earlier ones, and the
event loop, which hears of a case only when it has come to its end, takes in the
next.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from kagimori.application.ports import (
    Answered,
    ClaimAnswer,
    GrantedUnknown,
    Held,
    Overslept,
    Refused,
    SeedVault,
    SettleAnswer,
    VerificationStore,
)
from kagimori.application.verification import searching
from kagimori.application.verification.case import RETRY_AFTER, Case
from kagimori.application.verification.searching import Granted, Searched
from kagimori.domain.errors import LeaseLost
from kagimori.domain.outcome import Verdict

_SEARCHES: Final = 4
"""Batches at the HSM at once: enough that its sessions do not wait for a commit."""

_ENOUGH: Final = 64
"""Cases with which a commit does not wait for more."""

Ended = tuple[Case, Verdict | Exception | None]
"""A case and its answer; None where its caller's time was up before the claim."""


@dataclass(slots=True)
class _Batch:
    """What one commit is about, and what it comes to."""

    settling: list[Searched] = field(default_factory=list)
    claiming: list[Case] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    held: list[tuple[Case, float]] = field(default_factory=list)
    granted: list[Granted] = field(default_factory=list)


class Pipeline:
    """Takes cases, and tells the event loop of their ends."""

    def __init__(self, store: VerificationStore, vault: SeedVault, largest: int) -> None:
        """Let at most ``largest`` claims, and so many settlements, share a commit."""
        self._store = store
        self._vault = vault
        self._largest = largest
        self._to_claim: deque[Case] = deque()
        self._to_settle: deque[Searched] = deque()
        self._searching = 0
        # Guards who takes a case: the commit that claims it, or its caller's deadline.
        self._taking = threading.Lock()
        self._wanted = threading.Event()
        self._closing = False
        self._bug: Exception | None = None
        # How many cases came in, and how many have left, to their end or to be claimed
        # again; the event loop counts the one, the thread that commits the other.
        self._entered = 0
        self._left = 0
        self._searchers = ThreadPoolExecutor(_SEARCHES, thread_name_prefix="search")

    def claim(self, case: Case) -> None:
        """Let the next commit claim ``case``, which must be at the front of its line.

        To be called on the event loop.
        """
        self._to_claim.append(case)
        self._entered += 1
        self._want()

    def hurry(self) -> None:
        """Commit what is ready, however little; to be called now and then."""
        if self._to_claim or self._to_settle:
            self._wanted.set()

    def _want(self) -> None:
        """Have a commit made if half of all cases here are ready for it.

        A commit has a cost of its own, which is that of several cases: without
        this a fast disk would make each case pay all of it. A case that is alone
        waits for nobody; on a busy server two halves take turns, one committed
        while the other is searched for.
        """
        ready = len(self._to_claim) + len(self._to_settle)
        inside = self._entered - self._left
        if ready >= min(_ENOUGH, (inside + 1) // 2) and not self._wanted.is_set():
            self._wanted.set()

    def withdraw(self, case: Case) -> bool:
        """Return whether ``case`` was not claimed, and will not be."""
        with self._taking:
            if case.claimed:
                return False
            case.withdrawn = True
            return True

    async def run(
        self,
        answer: Callable[[Sequence[Ended]], None],
        hold: Callable[[Sequence[tuple[Case, float]]], None],
    ) -> None:
        """Work until cancelled; ``answer`` and ``hold`` are called on this event loop."""
        loop = asyncio.get_running_loop()
        failed: asyncio.Future[None] = loop.create_future()

        def tell(batch: _Batch) -> None:
            answer(batch.ended)
            hold(batch.held)

        def commit() -> None:
            try:
                self._commit_batches(lambda batch: loop.call_soon_threadsafe(tell, batch))
            except Exception as error:  # noqa: BLE001 - it ends the server, in the loop
                loop.call_soon_threadsafe(failed.set_exception, error)

        thread = threading.Thread(target=commit, name="commit")
        thread.start()
        try:
            await failed
        finally:
            self._closing = True
            self._wanted.set()
            thread.join()
            self._searchers.shutdown()

    def _commit_batches(self, tell: Callable[[_Batch], object]) -> None:
        while not self._closing:
            self._wanted.wait()
            self._wanted.clear()
            if self._bug is not None:
                raise self._bug
            batch = self._next_batch()
            if batch is None:
                continue
            self._commit(batch)
            if batch.granted:
                self._search(batch.granted)
            self._left += len(batch.ended) + len(batch.held)
            if batch.ended or batch.held:
                tell(batch)
            self._want()

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
        with self._taking:
            while self._to_claim and len(batch.claiming) < self._largest:
                case = self._to_claim.popleft()
                if case.withdrawn:
                    self._left += 1
                    continue
                if case.answer.done() or case.is_too_late(now):
                    case.withdrawn = True
                    batch.ended.append((case, None))
                else:
                    case.claimed = True
                    batch.claiming.append(case)

    def _commit(self, batch: _Batch) -> None:
        if not batch.settling and not batch.claiming:
            return
        settlements = [searched.settlement for searched in batch.settling]
        claims = [case.claim for case in batch.claiming]
        try:
            settled, claimed = self._store.commit(settlements, claims)
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
            token = None if isinstance(answer, GrantedUnknown) else answer.token
            batch.granted.append(Granted(case, token))

    def _search(self, granted: list[Granted]) -> None:
        with self._taking:
            self._searching += 1
        search = self._searchers.submit(searching.search, self._vault, granted)
        search.add_done_callback(self._searched)

    def _searched(self, search: Future[list[Searched]]) -> None:
        try:
            self._to_settle.extend(search.result())
        except Exception as error:  # noqa: BLE001 - it ends the server, in the loop
            self._bug = error
            self._wanted.set()
        with self._taking:
            self._searching -= 1
        self._want()


def _settled(searched: Searched, answer: SettleAnswer) -> Verdict | Exception:
    if searched.error is not None:
        return searched.error
    if isinstance(answer, Overslept) or answer.verdict is None:
        return LeaseLost("the search outlasted the token's lease", RETRY_AFTER)
    return answer.verdict
