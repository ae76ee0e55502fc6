# SPDX-License-Identifier: Apache-2.0
"""Group commit: cases go through claim, search and settlement in batches.

One commit at a time settles what was searched and claims what has arrived
since the last commit began: a quiet server adds no delay, a busy one shares its
fsync. While a commit is under way, the HSM searches for the claims of earlier ones.
All bookkeeping is done on the event loop; commits and searches block threads.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeVar, TypeVarTuple, cast

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
from kagimori.application.verification.case import SHORTEST, Case
from kagimori.application.verification.lines import LineFull, Lines
from kagimori.application.verification.searching import Granted, Searched
from kagimori.domain.errors import (
    AuthorityError,
    DeadlineTooNear,
    LeaseLost,
    Overloaded,
    TokenBusy,
)
from kagimori.domain.outcome import Verdict

A = TypeVarTuple("A")
R = TypeVar("R")

_SEARCHES: Final = 4
"""Batches at the HSM at once: enough that its sessions do not wait for a commit."""

_TICK: Final = SHORTEST / 2
"""Seconds between two looks for callers whose deadline has come near."""

_LONGEST_PAUSE: Final = 0.160
"""Seconds until a token that another server holds is asked for again, at last."""

_BUSY_FOR: Final = 0.1
"""Seconds: a line moves on as fast as its token is verified."""

_RETRY_AFTER: Final = 1.0
_RETRY_OVERLOADED: Final = 0.25


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many cases may be open at all, wait for one token, and share a commit."""

    queue: int = 2048
    line: int = 256
    batch: int = 256


class Engine:
    """Carries cases to their answers. Use it as an async context manager."""

    def __init__(self, store: VerificationStore, vault: SeedVault, bounds: Bounds) -> None:
        """``store`` is used by one thread at a time, ``vault`` by several."""
        self._store = store
        self._vault = vault
        self._bounds = bounds
        self._lines = Lines(bounds.line)
        self._open: dict[Case, None] = {}
        self._to_claim: deque[Case] = deque()
        self._to_settle: deque[Searched] = deque()
        self._searches: set[asyncio.Task[None]] = set()
        self._wanted = asyncio.Event()
        self._drained = asyncio.Event()
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._searchers = ThreadPoolExecutor(_SEARCHES, thread_name_prefix="search")

    async def __aenter__(self) -> Self:
        """Begin to work; the event loop must be the one that calls `submit`."""
        self._loop = asyncio.get_running_loop()
        # A bug in here must not leave callers waiting for ever: the group then
        # cancels the task that serves, and the process ends.
        self._group = await asyncio.TaskGroup().__aenter__()
        self._ceaseless = (
            self._group.create_task(self._commit_batches()),
            self._group.create_task(self._watch_deadlines()),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the cases that are open; a call that hangs is waited for."""
        if error is None and self._open:
            self._drained.clear()
            await self._drained.wait()
        for task in self._ceaseless:
            task.cancel()
        if isinstance(error, asyncio.CancelledError):
            # It may be the group's own doing, for a task that failed.
            await self._group.__aexit__(kind, error, trace)
        else:
            await self._group.__aexit__(None, None, None)
        self._committer.shutdown()
        self._searchers.shutdown()

    def submit(self, case: Case) -> None:
        """Take a case; its ``answer`` will be set.

        Raises `Overloaded` or `TokenBusy` where it would wait behind too many,
        `DeadlineTooNear` where its answer would come too late.
        """
        if case.is_too_late(time.monotonic()):
            raise _too_near()
        if len(self._open) >= self._bounds.queue:
            raise Overloaded("too many verifications are waiting", _RETRY_OVERLOADED)
        try:
            is_first = self._lines.join(case)
        except LineFull:
            raise _busy(_BUSY_FOR) from None
        self._open[case] = None
        if is_first:
            self._queue(case)

    def _queue(self, case: Case) -> None:
        self._to_claim.append(case)
        self._wanted.set()

    # --- commits ------------------------------------------------------------

    async def _commit_batches(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while batch := self._next_batch():
                await self._commit(*batch)

    def _next_batch(self) -> tuple[list[Searched], list[Case]] | None:
        """Return what the next commit settles and claims; None if nothing waits."""
        settling = [
            self._to_settle.popleft() for _ in range(min(len(self._to_settle), self._bounds.batch))
        ]
        # A claim spends an attempt: none is made that the HSM is too busy to search for.
        claiming = self._next_claims() if len(self._searches) < _SEARCHES else []
        return (settling, claiming) if settling or claiming else None

    def _next_claims(self) -> list[Case]:
        now = time.monotonic()
        cases: list[Case] = []
        while self._to_claim and len(cases) < self._bounds.batch:
            case = self._to_claim.popleft()
            if case not in self._open:
                continue
            if case.answer.done() or case.is_too_late(now):
                self._end(case, _late(case))
            else:
                case.claimed = True
                cases.append(case)
        return cases

    async def _commit(self, settling: list[Searched], claiming: list[Case]) -> None:
        settlements = [searched.settlement for searched in settling]
        claims = [case.claim for case in claiming]
        try:
            settled, claimed = await self._in(
                self._committer, self._store.commit, settlements, claims
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody is left waiting
            for case in [*(searched.case for searched in settling), *claiming]:
                self._end(case, error)
            return
        for searched, answer in zip(settling, settled, strict=True):
            self._settled(searched, answer)
        self._search(
            [
                granted
                for case, reply in zip(claiming, claimed, strict=True)
                if (granted := self._granted(case, reply))
            ]
        )

    def _granted(self, case: Case, answer: ClaimAnswer) -> Granted | None:
        """Return a case that may search; the others are answered, or wait."""
        if isinstance(answer, Held):
            self._hold(case, answer.seconds)
        elif isinstance(answer, Answered):
            self._end(case, answer.verdict)
        elif isinstance(answer, Refused):
            self._end(case, answer.error)
        else:
            case.held_for = None
            return Granted(case, None if isinstance(answer, GrantedUnknown) else answer.token)
        return None

    def _hold(self, case: Case, seconds: float) -> None:
        """Ask again in a while for a token that another server or name holds."""
        case.claimed = False
        case.held_for = seconds
        nap = min(case.pause, seconds)
        case.pause = min(2 * case.pause, _LONGEST_PAUSE)
        self._loop.call_later(nap, self._queue, case)

    def _settled(self, searched: Searched, answer: SettleAnswer) -> None:
        if searched.error is not None:
            self._end(searched.case, searched.error)
        elif isinstance(answer, Overslept) or answer.verdict is None:
            lost = LeaseLost("the search outlasted the token's lease", _RETRY_AFTER)
            self._end(searched.case, lost)
        else:
            self._end(searched.case, answer.verdict)

    # --- searches -----------------------------------------------------------

    def _search(self, batch: list[Granted]) -> None:
        if batch:
            self._searches.add(self._group.create_task(self._search_batch(batch)))

    async def _search_batch(self, batch: list[Granted]) -> None:
        searched = await self._in(self._searchers, searching.search, self._vault, batch)
        self._searches.remove(cast("asyncio.Task[None]", asyncio.current_task()))
        self._to_settle.extend(searched)
        self._wanted.set()

    # --- ends ---------------------------------------------------------------

    async def _watch_deadlines(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            for case in [case for case in self._open if case.is_too_late(now)]:
                self._tell_in_time(case)

    def _tell_in_time(self, case: Case) -> None:
        """Let a caller hear something before its deadline; a claim goes on alone."""
        if case.claimed:
            case.fail(_late(case))
        else:
            self._end(case, _late(case) if self._lines.is_at_front(case) else _busy(_BUSY_FOR))

    def _end(self, case: Case, answer: Verdict | Exception) -> None:
        if isinstance(answer, Exception):
            case.fail(answer)
        else:
            case.tell(answer)
        self._close(case)

    def _close(self, case: Case) -> None:
        if case in self._open:
            del self._open[case]
            if (next_case := self._lines.leave(case)) is not None:
                self._queue(next_case)
            if not self._open:
                self._drained.set()

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[[*A], R], *arguments: *A) -> R:
        return await self._loop.run_in_executor(threads, work, *arguments)


def _late(case: Case) -> AuthorityError:
    return _too_near() if case.held_for is None else _busy(case.held_for)


def _busy(seconds: float) -> TokenBusy:
    return TokenBusy("other verifications of this token are under way", seconds)


def _too_near() -> DeadlineTooNear:
    return DeadlineTooNear("the deadline came before the answer", _RETRY_AFTER)
