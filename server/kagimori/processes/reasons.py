# SPDX-License-Identifier: Apache-2.0
"""Why a serving process is to end, as it comes to know."""

from __future__ import annotations

import asyncio
import enum
import math
import random
import signal
import socket
from contextlib import suppress
from types import TracebackType
from typing import Final, Protocol, Self

from kagimori.processes.line import SupervisorWord, WorkerWord, line_of

_LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the vault."""
_ENDING: Final = (signal.SIGTERM, signal.SIGINT)


class Reason(enum.Enum):
    """Why to end, and thereby how."""

    STOP = "stop"
    """Somebody said so, or the supervisor is gone."""
    RETIRE = "retire"
    """A successor serves: nobody is to notice."""
    HUNG = "hung"
    """A PKCS#11 call hangs and cannot be cancelled."""


class Watched(Protocol):
    """What is looked at in the vault."""

    def is_hung(self) -> bool:
        """Return whether a PKCS#11 call outlasted a search that waited for it."""
        ...

    def opened(self) -> int:
        """Return how many seeds were opened."""
        ...


class Reasons:
    """Collects reasons from signals, the supervisor and the vault while it is entered."""

    def __init__(
        self, vault: Watched, recycle_after: int, supervisor: socket.socket | None
    ) -> None:
        """Wish to be recycled about when ``recycle_after`` seeds have been opened."""
        self._vault = vault
        # Workers that began together must not go together.
        self._fill = recycle_after * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        self._supervisor = supervisor
        self._known: asyncio.Queue[Reason] = asyncio.Queue()

    def __enter__(self) -> Self:
        """Begin; in the main thread, on its event loop."""
        self._loop = asyncio.get_running_loop()
        for number in _ENDING:
            # Not a handler of our own: while the main thread waits, and another
            # one takes the signal, it would do nothing. This one wakes the loop.
            self._loop.add_signal_handler(number, self._known.put_nowait, Reason.STOP)
        if self._supervisor is not None:
            self._supervisor.settimeout(0)
            self._loop.add_reader(self._supervisor, self._hear, self._supervisor)
        self._watch = self._loop.create_task(self._watch_vault())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Look no more; a second signal does not cut the end short."""
        self._watch.cancel()
        for number in _ENDING:
            self._loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    async def next(self) -> Reason:
        """Return the next reason, when there is one."""
        return await self._known.get()

    def tell(self, word: WorkerWord) -> None:
        """Tell the supervisor, if there is one."""
        if self._supervisor is not None:
            # One that is gone is noticed where it is listened to.
            with suppress(OSError):
                self._supervisor.send(line_of(word))

    def _hear(self, supervisor: socket.socket) -> None:
        try:
            said = supervisor.recv(64)
        except OSError:
            said = b""
        if not said:
            self._loop.remove_reader(supervisor)
        retired = said.startswith(line_of(SupervisorWord.RETIRE))
        self._known.put_nowait(Reason.RETIRE if retired else Reason.STOP)

    async def _watch_vault(self) -> None:
        while not self._vault.is_hung():
            if self._vault.opened() >= self._fill:
                self._fill = math.inf
                self.tell(WorkerWord.RECYCLE)
            await asyncio.sleep(_LOOK_EVERY)
        self.tell(WorkerWord.HUNG)
        self._known.put_nowait(Reason.HUNG)
