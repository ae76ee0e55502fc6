# SPDX-License-Identifier: Apache-2.0
"""Statements to a PostgreSQL server, many in one round trip (libpq's pipeline mode).

psycopg's cursors do this too, at fifty microseconds and a system call for each
statement; a small commit has nine of them. So the statements go by libpq's own
calls, which psycopg has in `psycopg.pq`. Rows are still read by psycopg's loaders.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.types.string import TextLoader
from psycopg.waiting import Ready, Wait, wait_async

from kagimori.adapters.sql.database import Row, Value

T = TypeVar("T")

PATIENCE: Final = 3.0
"""Seconds after which a server that says nothing is given up: its host is gone, or it hangs."""


class Sent(NamedTuple):
    """A statement with ``$1`` and so on, and their values; None for one of no plan (COMMIT)."""

    statement: str
    values: Sequence[Value] | None = ()


class Answer(NamedTuple):
    """What a statement gives: its rows, and the server's word for what was done."""

    rows: list[Row]
    status: bytes | None


class Connection(psycopg.AsyncConnection[Row]):
    """A connection on which nothing is waited for without end."""

    def __init__(self, pgconn: PGconn, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - psycopg's
        """Have UUIDs and dates read as text."""
        super().__init__(pgconn, *arguments, **options)
        for kind in ("uuid", "date"):
            self.adapters.register_loader(kind, TextLoader)
        self._plans: dict[str, bytes] = {}
        self._numbers = itertools.count()

    async def wait(
        self,
        gen: PQGen[T],
        interval: float = PATIENCE,
        timeout: float | None = PATIENCE,  # noqa: ASYNC109 - psycopg's own
    ) -> T:
        """Wait as psycopg does, but not longer than ``timeout`` seconds.

        Who is cancelled leaves at once, and the connection must be given up:
        psycopg would have the server told, and wait for it again.
        """
        return await wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)

    async def converse(self, sent: Sequence[Sent]) -> list[Answer]:
        """Run statements one after the other, and return what each gives.

        The first error is raised, a `psycopg.Error`: what comes after it is not run.
        """
        wire = self.pgconn
        wire.enter_pipeline_mode()
        new: dict[str, bytes] = {}
        # Which results are answers, and not of preparing a statement.
        wanted = [is_one for each in sent for is_one in self._send(each, new)]
        wire.pipeline_sync()
        results = await self.wait(_results(wire))
        wire.exit_pipeline_mode()
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                raise error_from_result(result, self.info.encoding)
        self._plans |= new
        return [
            Answer(self._rows(result), result.command_status)
            for result, is_answer in zip(results, wanted, strict=True)
            if is_answer
        ]

    def _send(self, sent: Sent, new: dict[str, bytes]) -> Iterator[bool]:
        statement, values = sent
        if values is None:
            self.pgconn.send_query_params(statement.encode(), None)
            yield True
            return
        name = self._plans.get(statement) or new.get(statement)
        if name is None:
            # Of a name whose preparing failed it is not known whether it is taken.
            name = new[statement] = b"k%d" % next(self._numbers)
            self.pgconn.send_prepare(name, statement.encode())
            yield False
        self.pgconn.send_query_prepared(name, [_octets(value) for value in values])
        yield True

    def _rows(self, result: PGresult) -> list[Row]:
        if not result.ntuples:
            return []
        transformer = Transformer(self)
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, tuple)


def _octets(value: Value) -> bytes | None:
    match value:
        case None:
            return None
        case bytes():
            return b"\\x" + value.hex().encode()
        case _:
            return str(value).encode()


def _results(wire: PGconn) -> PQGen[list[PGresult]]:
    """Send what was asked, and return all that comes back."""
    while wire.flush():
        if (yield Wait.RW) & Ready.R:
            wire.consume_input()
    results: list[PGresult] = []
    while True:
        while wire.is_busy():
            if (yield Wait.R):
                wire.consume_input()
        result = wire.get_result()
        if result is not None and result.status == ExecStatus.PIPELINE_SYNC:
            return results
        if result is not None:
            results.append(result)
        elif wire.status == ConnStatus.BAD:
            raise psycopg.OperationalError("the server has closed the connection")
