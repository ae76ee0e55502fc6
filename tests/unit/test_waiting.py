# SPDX-License-Identifier: Apache-2.0
"""What the extension's threads end is told to the event loop that waits for it."""

from __future__ import annotations

import asyncio
import threading
from asyncio import Future
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from kagimori import core
from kagimori.adapters.sql.database import Asked
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.sqlite import _numbered

PATIENCE = 30.0
SAY = statement("SELECT :word")
REFUSED = statement("INSERT INTO refused VALUES (1)")


@pytest.fixture
def connection() -> Iterator[core.SqliteConnection]:
    with closing(memory()) as connection:
        yield connection


def memory() -> core.SqliteConnection:
    """Return something that has a thread of its own."""
    connection = core.SqliteConnection.open(Path(":memory:"), 1.0)
    connection.run("CREATE TABLE refused (at_all INTEGER CHECK (false))")
    return connection


def say(connection: core.SqliteConnection, word: str | int) -> Future[Any]:
    """Have ``word`` said on the connection's thread."""
    return _run(connection, Asked(SAY, {"word": word}))


def fail(connection: core.SqliteConnection) -> Future[Any]:
    return _run(connection, Asked(REFUSED))


def _run(connection: core.SqliteConnection, asked: Asked) -> Future[Any]:
    return core.ended(connection.transact, [_numbered(asked)], last=True)


def heard(said: Any) -> Any:  # noqa: ANN401 - whatever a statement gives
    _, (((word,),),), *_ = said
    return word


def play(scene: Coroutine[Any, Any, None]) -> None:
    """Run a scene; what the event loop itself has to complain of fails it."""

    async def watched() -> None:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, said: complaints.append(said))
        await asyncio.wait_for(scene, PATIENCE)
        assert not complaints

    asyncio.run(watched())


def test_what_has_ended_is_told(connection: core.SqliteConnection) -> None:
    async def scene() -> None:
        assert heard(await say(connection, "done")) == "done"

    play(scene())


def test_an_error_is_told_and_not_to_its_neighbours(connection: core.SqliteConnection) -> None:
    async def scene() -> None:
        before, failed, after = say(connection, 1), fail(connection), say(connection, 2)
        with pytest.raises(core.SqliteError, match="CHECK"):
            await failed
        assert [heard(await before), heard(await after)] == [1, 2]

    play(scene())


def test_many_at_once_are_each_told() -> None:
    async def scene(connections: list[core.SqliteConnection]) -> None:
        futures = [say(connections[word % 4], word) for word in range(400)]
        assert [heard(said) for said in await asyncio.gather(*futures)] == [*range(400)]

    with ExitStack() as stack:
        connections = [stack.enter_context(closing(memory())) for _ in range(4)]
        play(scene(connections))


def test_who_was_cancelled_is_told_nothing_and_the_others_are(
    connection: core.SqliteConnection,
) -> None:
    async def scene() -> None:
        futures = [say(connection, word) for word in range(100)]
        for future in futures[::2]:
            future.cancel()
        told = await asyncio.gather(*futures, return_exceptions=True)
        assert all(isinstance(said, asyncio.CancelledError) for said in told[::2])
        assert [heard(said) for said in told[1::2]] == [*range(1, 100, 2)]

    play(scene())


def test_a_failure_that_nobody_waits_for_disturbs_nobody(connection: core.SqliteConnection) -> None:
    async def scene() -> None:
        fail(connection).cancel()
        assert heard(await say(connection, "next")) == "next"

    play(scene())


def test_event_loops_do_not_hear_what_is_told_to_others(connection: core.SqliteConnection) -> None:
    together = threading.Barrier(3)

    async def scene(begin: int) -> None:
        together.wait(PATIENCE)
        for word in range(begin, begin + 100):
            assert heard(await say(connection, word)) == word

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda begin: play(scene(begin)), (0, 1000, 2000)))


def test_a_loop_that_is_gone_harms_no_later_one(connection: core.SqliteConnection) -> None:
    async def leave() -> None:
        for word in range(10):
            say(connection, word)

    async def stay() -> None:
        assert heard(await say(connection, "here")) == "here"

    for _ in range(3):
        play(leave())
        play(stay())
