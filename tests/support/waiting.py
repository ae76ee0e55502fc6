# SPDX-License-Identifier: Apache-2.0
"""What works on an event loop, for tests that have none: each call waits for its end.

All of a process's tests share one loop, in a thread of its own.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar

from kagimori.adapters.sql.database import Asked, Database, Row, Transaction
from kagimori.application.ports import (
    Claim,
    ClaimAnswer,
    Search,
    SearchAnswer,
    SettleAnswer,
    Settlement,
    SignatureCheck,
    VerificationStore,
)

T = TypeVar("T")

PATIENCE = 120.0
"""Seconds after which a test stops waiting for what must happen."""


def waited(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run ``coroutine`` on the tests' event loop and return what it does."""
    return asyncio.run_coroutine_threadsafe(coroutine, _loop()).result(PATIENCE)


class WaitedStore:
    """A `VerificationStore` whose calls return when they are done."""

    def __init__(self, store: VerificationStore) -> None:
        self._store = store

    def commit(
        self, settlements: Sequence[Settlement], claims: Sequence[Claim]
    ) -> tuple[list[SettleAnswer], list[ClaimAnswer]]:
        return waited(self._store.commit(settlements, claims))


class Pinged(Protocol):
    """Whatever can be asked whether it is there."""

    async def ping(self) -> None: ...


class Searcher(Pinged, Protocol):
    """The part of a `SeedVault` that works on an event loop."""

    async def search(self, searches: Sequence[Search | SignatureCheck]) -> list[SearchAnswer]: ...


def search(vault: Searcher, searches: Sequence[Search]) -> list[SearchAnswer]:
    return waited(vault.search(searches))


def ping(pinged: Pinged) -> None:
    waited(pinged.ping())


class WaitedTransaction:
    """A `Transaction` whose calls return when they are done; ``begun`` is itself."""

    def __init__(self, begun: Transaction) -> None:
        self.begun = begun

    @property
    def now(self) -> int:
        return self.begun.now

    def run(self, *asked: Asked) -> list[list[Row]]:
        return waited(self.begun.run(*asked))

    def commit(self, *asked: Asked) -> list[list[Row]]:
        return waited(self.begun.commit(*asked))


@contextmanager
def transaction(database: Database) -> Iterator[WaitedTransaction]:
    """Run a write transaction of ``database``."""
    block = database.transaction()
    begun = waited(_entered(block))
    try:
        yield WaitedTransaction(begun)
    except BaseException as error:
        if not waited(_left(block, error)):
            raise
    else:
        waited(_left(block, None))


async def _entered(block: Any) -> Any:  # noqa: ANN401 - any block
    return await block.__aenter__()


async def _left(block: Any, error: BaseException | None) -> bool:  # noqa: ANN401 - any block
    if error is None:
        return bool(await block.__aexit__(None, None, None))
    return bool(await block.__aexit__(type(error), error, error.__traceback__))


_FIRST: Final = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    # Many threads may be the first to ask: of two loops each would wait for the other's locks.
    with _FIRST:
        return _only_loop()


@functools.cache
def _only_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="tests' event loop", daemon=True).start()
    return loop
