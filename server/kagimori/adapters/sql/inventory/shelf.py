# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `Shelf`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final

from kagimori.adapters.sql import audit, lives, outbox
from kagimori.adapters.sql.database import Asked, Database, Row, Transaction, Value, carried_out
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.inventory.shelf_pages import PARTS, page_of, shelved
from kagimori.adapters.sql.times import moment, time_of
from kagimori.application.enrollment.ports import Done, Stale
from kagimori.application.inventory.shelf_ports import (
    Card,
    Change,
    Delivered,
    Page,
    Told,
    Wanted,
)

_TOLD: Final = 10
_LINES_LOOKED_AT: Final = 20_000

_NOW: Final = statement("SELECT 1")

_CARD: Final = statement(
    """
SELECT {columns}, v.digest, v.vendor, v.actor, v.begun_at, v.finished_at {tables}
LEFT JOIN deliveries v ON v.tenant = d.tenant AND v.delivery_id = d.delivery_id
WHERE t.tenant = :tenant AND t.serial = :serial
""",
    parts=PARTS,
)
_OF_DELIVERY: Final = 5

_LAST_LINE: Final = statement("SELECT max(a.id) FROM audit a")

# No index: every verification would pay for it, and this is seldom asked.
_LINES: Final = statement(
    """
SELECT a.at, a.actor, a.action, a.operation, a.outcome FROM audit a
WHERE a.id <= :last AND a.id > :before AND a.tenant = :tenant AND a.token_id = :token_id
ORDER BY a.id DESC LIMIT :count
"""
)
_FIRST_WORDS: Final = frozenset({"IMPORT", "PROVISION"})
"""What the audit log tells first of a token."""

_ENROLLED: Final = statement(
    """
SELECT e.subscriber, e.generation, e.user_id FROM tokens t
JOIN enrollments e
  ON e.tenant = t.tenant AND e.subscriber = t.subscriber AND e.token_id = t.token_id
WHERE t.tenant = :tenant AND t.token_id = :token_id
"""
)


class SqlShelf:
    """Staff look at many tokens, and change one at a time."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    async def now(self) -> datetime:
        """See `Shelf.now`."""

        async def work(begun: Transaction) -> datetime:
            await begun.commit(Asked(_NOW))
            return moment(begun.now)

        return await carried_out(self._database, work)

    async def page(self, tenant: str, wanted: Wanted, after: str = "") -> Page:
        """See `Shelf.page`."""
        looking = partial(page_of, tenant=tenant, wanted=wanted, after=after)
        return await carried_out(self._database, looking)

    async def look(self, tenant: str, serial: str) -> Card | None:
        """See `Shelf.look`."""
        asked = Asked(_CARD, {"tenant": tenant, "serial": serial}), Asked(_LAST_LINE)

        async def work(begun: Transaction) -> tuple[datetime, list[Row], int]:
            rows, ((last,),) = await begun.commit(*asked)
            return moment(begun.now), rows, last or 0

        now, rows, last = await carried_out(self._database, work)
        if not rows:
            return None
        token = shelved(rows[0][:-_OF_DELIVERY])
        told = await self._told(tenant, token.token_id, last)
        return Card(now, token, _delivered(rows[0][-_OF_DELIVERY:]), tuple(told))

    async def unlock(self, change: Change) -> Done | Stale:
        """See `Shelf.unlock`."""
        return await self._changed(partial(_unlock, change=change))

    async def destroy(self, change: Change) -> Done | Stale:
        """See `Shelf.destroy`."""
        return await self._changed(partial(_destroy, change=change))

    async def _changed(self, work: Callable[[Transaction], Awaitable[None]]) -> Done | Stale:
        try:
            await carried_out(self._database, work)
        except lives.Changed:
            return Stale()
        return Done()

    async def _told(self, tenant: str, token_id: str, last: int) -> list[Told]:
        """Return the last lines of a token, looked for among some at a time."""
        told: list[Told] = []
        while last > 0 and len(told) < _TOLD and not (told and told[-1].action in _FIRST_WORDS):
            values: dict[str, Value] = {
                "tenant": tenant,
                "token_id": token_id,
                "last": last,
                "before": last - _LINES_LOOKED_AT,
                "count": _TOLD - len(told),
            }
            told += await carried_out(self._database, partial(_lines, values=values))
            last -= _LINES_LOOKED_AT
        return told


async def _lines(transaction: Transaction, values: dict[str, Value]) -> list[Told]:
    (rows,) = await transaction.commit(Asked(_LINES, values))
    return [Told(moment(at), *rest) for at, *rest in rows]


async def _unlock(transaction: Transaction, change: Change) -> None:
    enrolled = await _enrolled(transaction, change)
    await lives.unlock(transaction, change.tenant, change.seen, change.becomes)
    await transaction.commit(_line(change, enrolled))


async def _destroy(transaction: Transaction, change: Change) -> None:
    enrolled = await _enrolled(transaction, change)
    letters = []
    if enrolled is not None:
        subscriber, generation, _ = enrolled
        await lives.release(transaction, change.tenant, subscriber, generation, change.today)
        letters.append(outbox.withdrawn(change.tenant, subscriber))
    await lives.end(transaction, change.tenant, change.seen, change.becomes)
    await transaction.commit(*letters, _line(change, enrolled))


async def _enrolled(transaction: Transaction, change: Change) -> Row | None:
    """Return the enrolment that a token came of: whose, its generation, its user ID."""
    named: dict[str, Value] = {"tenant": change.tenant, "token_id": change.seen.token_id}
    (rows,) = await transaction.run(Asked(_ENROLLED, named))
    return rows[0] if rows else None


def _line(change: Change, enrolled: Row | None) -> Asked:
    token, user_id = change.seen, None if enrolled is None else enrolled[-1]
    return audit.acted(
        audit.Act(
            change.tenant, change.actor, change.action, token.token_id, token.serial, None, user_id
        )
    )


def _delivered(row: Row) -> Delivered | None:
    digest, vendor, actor, begun_at, finished_at = row
    if digest is None:
        return None
    return Delivered(digest, vendor, actor, moment(begun_at), time_of(finished_at))
