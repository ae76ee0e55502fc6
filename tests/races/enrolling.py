# SPDX-License-Identifier: Apache-2.0
"""Customers to race for: the use cases of several processes over one real database.

The HSM is one in software, so that a race is decided by the database alone. What is
to happen at once is held up where it matters, and never hoped for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import ParamSpec, TypeVar

import pytest

from fakes.vault import FakeVault
from kagimori.domain.errors import AuthorityError
from support.banks.bank import Bank
from support.banks.desk import Desk
from support.databases.database import AnyDatabase

T = TypeVar("T")
P = ParamSpec("P")

PROCESSES = 4
CALLERS = 16
PATIENCE = 30.0
"""Seconds after which somebody who does not come is waited for no more."""


class Meeting:
    """Lets nobody go on before so many have come; from then on it is open to all."""

    def __init__(self, count: int) -> None:
        self._missing = count
        self._lock = threading.Lock()

    def before(
        self, patch: pytest.MonkeyPatch, whose: object, work: Callable[P, Awaitable[T]]
    ) -> None:
        """Let who calls the method ``work`` of ``whose`` meet the others first.

        They may be on several event loops, none of which is held up.
        """

        async def met(*arguments: P.args, **named: P.kwargs) -> T:
            await self._met()
            return await work(*arguments, **named)

        patch.setattr(whose, work.__name__, met)

    async def _met(self) -> None:
        with self._lock:
            self._missing -= 1
        async with asyncio.timeout(PATIENCE):
            while self._missing > 0:  # noqa: ASYNC110 - an Event would be of one loop
                await asyncio.sleep(0.001)


@contextmanager
def desks_on(database: AnyDatabase) -> Iterator[list[Desk]]:
    """Return the pages of one bank, each in front of a process of its own."""
    vault, seeds = FakeVault(), dict[str, bytes]()
    with ExitStack() as stack:
        desks = []
        for _ in range(PROCESSES):
            bank = Bank(database, vault)
            stack.callback(bank.close)
            desks.append(Desk(bank, seeds))
            stack.callback(desks[-1].close)
        yield desks


def desk_of(desks: list[Desk], number: int) -> Desk:
    return desks[number % len(desks)]


def activating(desk: Desk, code: str, request_id: str | None = None) -> str:
    return str(desk.activate(code, request_id).outcome)


def logging_in(desk: Desk, code: str, request_id: str | None = None) -> str:
    return str(desk.bank.ask(code, request_id=request_id).outcome)


def issuing(desk: Desk) -> str:
    return str(desk.issue().status)


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all calls at the same moment, each on a thread; return their answers in order."""
    together = threading.Barrier(len(calls))

    def made(call: Callable[[], T]) -> T:
        together.wait(PATIENCE)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(made, calls))


def kind_of(call: Callable[[], str]) -> str:
    """Return what ``call`` was told, or the reason for which it was refused."""
    try:
        return call()
    except AuthorityError as error:
        return error.reason


def start_anew(database: AnyDatabase) -> None:
    """Do to a released customer what the days until his next token would do."""
    database.run("UPDATE enrollments SET state = 'VOID', released_on = NULL")
