# SPDX-License-Identifier: Apache-2.0
"""The open cases on the event loop: who may go, who waits, who is answered.

What a case goes through between two looks of the loop is in `pipeline`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from kagimori.application.ports import SeedVault, VerificationStore
from kagimori.application.verification.case import RETRY_AFTER, SHORTEST, Case
from kagimori.application.verification.lines import LineFull, Lines
from kagimori.application.verification.pace import Pace
from kagimori.application.verification.pipeline import Ended, Pipeline
from kagimori.domain.errors import AuthorityError, DeadlineTooNear, Overloaded, TokenBusy
from kagimori.domain.outcome import Verdict

_TICK: Final = SHORTEST / 2
"""Seconds between two looks for callers whose deadline has come near."""

_LONGEST_PAUSE: Final = 0.160
"""Seconds until a token that another server holds is asked for again, at last."""

_BUSY_FOR: Final = 0.1
"""Seconds: a line moves on as fast as its token is verified."""

_RETRY_OVERLOADED: Final = 0.25


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many cases may be open at all, wait for one token, and share a commit."""

    queue: int = 2048
    line: int = 256
    batch: int = 256


class Engine:
    """Carries cases to their answers. Use it as an async context manager."""

    def __init__(
        self,
        store: VerificationStore,
        vault: SeedVault,
        bounds: Bounds,
        busy: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Use ``store`` and ``vault`` on the event loop that enters the engine.

        ``busy`` returns how much of the time since its last call was not spare, 0 to 1.
        """
        self._bounds = bounds
        self._lines = Lines(bounds.line)
        self._open: dict[Case, None] = {}
        self._drained = asyncio.Event()
        self._pace = Pace(busy)
        self._pipeline = Pipeline(store, vault, self._pace, bounds.batch)

    async def __aenter__(self) -> Self:
        """Begin to work; the event loop must be the one that calls `submit`."""
        self._loop = asyncio.get_running_loop()
        # A bug in here must not leave callers waiting for ever: the group then
        # cancels the task that serves, and the process ends.
        self._group = await asyncio.TaskGroup().__aenter__()
        self._ceaseless = (
            self._group.create_task(self._watch_deadlines()),
            self._group.create_task(self._pipeline.run(self._answer, self._hold)),
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
            self._pipeline.claim(case)

    def _answer(self, answers: Sequence[Ended]) -> None:
        """End cases; the answer None is for one whose caller's time was up."""
        for case, answer in answers:
            self._end(case, _late(case) if answer is None else answer)

    def _hold(self, held: Sequence[tuple[Case, float]]) -> None:
        """Ask again in a while for tokens that another server or name holds."""
        for case, seconds in held:
            case.held_for = seconds
            nap = min(case.pause, seconds)
            case.pause = min(2 * case.pause, _LONGEST_PAUSE)
            self._loop.call_later(nap, self._claim_again, case)

    def _claim_again(self, case: Case) -> None:
        if case in self._open:
            self._pipeline.claim(case)

    async def _watch_deadlines(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self._pace.tick()
            now = time.monotonic()
            for case in [case for case in self._open if case.is_too_late(now)]:
                self._tell_in_time(case)

    def _tell_in_time(self, case: Case) -> None:
        """Let a caller hear something before its deadline; a claim goes on alone."""
        if not self._lines.is_at_front(case):
            self._end(case, _busy(_BUSY_FOR))
        elif self._pipeline.withdraw(case):
            self._end(case, _late(case))
        else:
            case.fail(_late(case))

    def _end(self, case: Case, answer: Verdict | Exception) -> None:
        if case not in self._open:
            # Its deadline and the pipeline met: the first to come has ended it.
            return
        del self._open[case]
        if isinstance(answer, Exception):
            case.fail(answer)
        else:
            case.tell(answer)
        if (next_case := self._lines.leave(case)) is not None:
            self._pipeline.claim(next_case)
        if not self._open:
            self._drained.set()


def _late(case: Case) -> AuthorityError:
    return _too_near() if case.held_for is None else _busy(case.held_for)


def _busy(seconds: float) -> TokenBusy:
    return TokenBusy("other verifications of this token are under way", seconds)


def _too_near() -> DeadlineTooNear:
    return DeadlineTooNear("the deadline came before the answer", RETRY_AFTER)
