# SPDX-License-Identifier: Apache-2.0
"""A worker process, as its supervisor knows it."""

from __future__ import annotations

import asyncio
import os
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from kagimori.processes.line import SupervisorWord, WorkerWord, line_of

_WISHES: Final = {str(word): word for word in (WorkerWord.RECYCLE, WorkerWord.HUNG)}


class Worker:
    """A child process with a line to it; see `spawn`."""

    def __init__(
        self, process: Process, hears: asyncio.StreamReader, says: asyncio.StreamWriter
    ) -> None:
        """Listen to the child; use `spawn`."""
        self._process = process
        self._says = says
        loop = asyncio.get_running_loop()
        self._serving: asyncio.Future[None] = loop.create_future()
        self._wish: asyncio.Future[WorkerWord] = loop.create_future()
        self.ended: asyncio.Task[int] = loop.create_task(process.wait())
        """Its exit code, negative for a signal."""
        self._listening = loop.create_task(self._listen(hears))

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    async def serves(self, seconds: float) -> bool:
        """Return whether it comes to serve; after ``seconds`` it is killed."""
        await self._first(self._serving, seconds)
        if not self._serving.done():
            self.kill()
        return self._serving.done()

    async def leaving(self) -> WorkerWord | None:
        """Return its wish to be replaced once it has one; None once it has ended."""
        await self._first(self._wish, None)
        return self._wish.result() if self._wish.done() else None

    def retire(self) -> None:
        """Let it end as soon as its clients have gone elsewhere."""
        # It may have ended this moment.
        with suppress(OSError):
            self._says.write(line_of(SupervisorWord.RETIRE))

    def terminate(self) -> None:
        """Let it finish the calls under way, and end."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End it now."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _first(
        self, event: asyncio.Future[None] | asyncio.Future[WorkerWord], seconds: float | None
    ) -> None:
        await asyncio.wait(
            {event, self.ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )

    async def _listen(self, hears: asyncio.StreamReader) -> None:
        with suppress(OSError):
            async for line in hears:
                self._heard(line.decode("ascii", "replace").strip())
        self._says.close()

    def _heard(self, word: str) -> None:
        if word == WorkerWord.SERVING and not self._serving.done():
            self._serving.set_result(None)
        elif word in _WISHES and not self._wish.done():
            self._wish.set_result(_WISHES[word])


async def spawn(command: Sequence[str]) -> Worker:
    """Start ``command`` with ``--line FD`` added, which is its end of the line."""
    ours, theirs = socket.socketpair()
    hears, says = await asyncio.open_connection(sock=ours)
    with theirs:
        line = theirs.fileno()
        process = await asyncio.create_subprocess_exec(
            *command,
            *("--line", str(line)),
            pass_fds=[line],
            stdin=DEVNULL,
            env=_environment(),
            # What is typed at the supervisor's terminal is the supervisor's to answer.
            start_new_session=True,
        )
    return Worker(process, hears, says)


def _environment() -> dict[str, str]:
    # Only the supervisor speaks for the service.
    return {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
