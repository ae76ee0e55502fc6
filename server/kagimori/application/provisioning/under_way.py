# SPDX-License-Identifier: Apache-2.0
"""What goes on to its end, whoever gives up waiting for it."""

from __future__ import annotations

import asyncio
from asyncio import Task
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

from kagimori.domain.errors import Overloaded

T = TypeVar("T")

_RETRY_AFTER: Final = 0.5


class UnderWay(Generic[T]):
    """The calls of one use case, so many at once."""

    def __init__(self, most: int) -> None:
        """Let ``most`` be under way at once."""
        self._most = most
        self._tasks: set[Task[T]] = set()

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what ``work`` returns; raise `Overloaded` before it if too many are."""
        if len(self._tasks) >= self._most:
            raise Overloaded("too many set-ups are under way", _RETRY_AFTER)
        task = asyncio.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def finish(self) -> None:
        """Return when nothing is under way any more."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
