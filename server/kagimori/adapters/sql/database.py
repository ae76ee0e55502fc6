# SPDX-License-Identifier: Apache-2.0
"""What the stores ask of a database, whichever of the two it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from kagimori.adapters.sql.dialect import Statement
from kagimori.domain.errors import StoreUnavailable

T = TypeVar("T")

RETRY_AFTER: Final = 0.5
"""Seconds after which a database that failed is worth asking again."""

NOT_KNOWN: Final = "it is not known whether the commit happened"

_TRIES: Final = 5

Value = str | int | bytes | None
Row = tuple[Any, ...]
"""A row's columns in the order the statement names them.

Both databases give the same types: int, str, bytes and None; UUIDs and dates
are text in their canonical forms.
"""


Batch = Sequence[tuple[Value, ...]]
"""Rows of a statement's input, whose columns the statement names."""


class DatabaseRefused(Exception):
    """The database cannot keep a promise: the process must not start."""


class ConstraintViolated(Exception):
    """A statement would break a constraint, which the message names."""


class ValueRefused(Exception):
    """The database does not take a value; the message is an SQLSTATE."""


class Undone(Exception):
    """The database undid the transaction to let another go on; it may be begun anew."""


class Asked(NamedTuple):
    """A statement and what goes into it: ``batch`` where it takes rows.

    ``hoped_for`` is how many rows it must give in `AtOnce`, if that matters.
    """

    statement: Statement
    values: Mapping[str, Value] = {}
    batch: Batch | None = None
    hoped_for: int | None = None


class Given(NamedTuple):
    """What a transaction gave: its time, and the rows of each of its statements."""

    now: int
    rows: list[list[Row]]


class Transaction(Protocol):
    """A write transaction under way."""

    @property
    def now(self) -> int:
        """The database's clock at its begin, microseconds since 1970 UTC."""
        ...

    async def run(self, *asked: Asked) -> list[list[Row]]:
        """Run statements one after the other; return all rows that each gives.

        They go to the database together, so none can use what another gave.
        """
        ...

    async def commit(self, *asked: Asked) -> list[list[Row]]:
        """Do as `run`, and end the transaction with it; it is durable then."""
        ...


class AtOnce(Protocol):
    """See `Database.at_once`."""

    async def __call__(self, *asked: Asked) -> Given | None:
        """Run ``asked`` and commit; it is durable when this returns.

        None if a statement does not give what was hoped for: then nothing was
        changed. Raises as `Database.transaction` does.
        """
        ...


class Database(Protocol):
    """A database that forgets nothing it has confirmed."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Run a write transaction; it is durable when the block has been left.

        Raises `StoreUnavailable` if the database fails, `ConstraintViolated`
        or `Undone`. An error of the block itself undoes it and goes on its way.
        """
        ...

    @property
    def at_once(self) -> AtOnce | None:
        """Return what runs a whole transaction in one go.

        None where only this side sees what a statement gives: then a transaction
        takes two steps at least.
        """
        ...

    async def ping(self) -> None:
        """Return if a write becomes durable; else raise `StoreUnavailable`."""
        ...

    def close(self) -> None:
        """Close all connections, at once; a later call opens them again."""
        ...


async def transacted(database: Database, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Return what ``work`` returns, made durable; begin anew while it is `Undone`."""
    for _ in range(_TRIES):
        try:
            async with database.transaction() as transaction:
                return await work(transaction)
        except Undone:
            continue
    raise unavailable("the database undid it for others again and again; nothing was changed")


async def carried_out(database: Database, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Do as `transacted`, to the end even where the caller goes away.

    A connection to PostgreSQL does not outlive a transaction that is cancelled.
    """
    task = asyncio.ensure_future(transacted(database, work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        # asyncio complains of errors that nobody has looked at.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise


def unavailable(message: str) -> StoreUnavailable:
    """Return the error that says so, with the time to wait."""
    return StoreUnavailable(message, RETRY_AFTER)
