# SPDX-License-Identifier: Apache-2.0
"""What the stores ask of a database, whichever of the two it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
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
    """A statement and what goes into it: ``batch`` where it takes rows."""

    statement: Statement
    values: Mapping[str, Value] = {}
    batch: Batch | None = None


class Transaction(Protocol):
    """A write transaction under way."""

    @property
    def now(self) -> int:
        """The database's clock at its begin, microseconds since 1970 UTC."""
        ...

    def run(self, *asked: Asked) -> list[list[Row]]:
        """Run statements one after the other; return all rows that each gives.

        They go to the database together, so none can use what another gave.
        """
        ...


class Database(Protocol):
    """A database that forgets nothing it has confirmed."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Run a write transaction; it is durable when the block has been left.

        Raises `StoreUnavailable` if the database fails, `ConstraintViolated`
        or `Undone`. An error of the block itself undoes it and goes on its way.
        """
        ...

    def ping(self) -> None:
        """Return if a write becomes durable; else raise `StoreUnavailable`."""
        ...

    def close(self) -> None:
        """Close all connections; a later call opens them again."""
        ...


def transacted(database: Database, work: Callable[[Transaction], T]) -> T:
    """Return what ``work`` returns, made durable; begin anew while it is `Undone`."""
    for _ in range(_TRIES):
        try:
            with database.transaction() as transaction:
                return work(transaction)
        except Undone:
            continue
    raise unavailable("the database undid it for others again and again; nothing was changed")


def unavailable(message: str) -> StoreUnavailable:
    """Return the error that says so, with the time to wait."""
    return StoreUnavailable(message, RETRY_AFTER)
