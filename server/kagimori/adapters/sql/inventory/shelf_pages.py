# SPDX-License-Identifier: Apache-2.0
"""Tokens as staff look for them, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from kagimori.adapters.sql.database import Asked, Row, Transaction, Value
from kagimori.adapters.sql.dialect import Statement, statement
from kagimori.adapters.sql.times import microseconds_of, moment, time_of
from kagimori.application.inventory.shelf_ports import EXPIRED, Page, Shelved, Wanted
from kagimori.domain.device import Device, Validity
from kagimori.domain.lifecycle import DESTROYED, State
from kagimori.domain.policy import Attempts
from kagimori.domain.token import CustodyLabel, Hash, Kind, MovingFactor, Profile

LOOKED_AT: Final = 1000
"""How many tokens a page is looked for among: SQLite's one writer waits for it."""

_COLUMNS: Final = """
t.token_id, t.serial, t.state, CASE WHEN t.subscriber IS NULL THEN 0 ELSE 1 END, t.kind,
t.factor, t.hash, t.digits, t.period, t.t0, t.custody, t.key_version, t.last_step, t.drift,
t.generation, t.failures, t.day, t.day_failures, t.unlock_failures, t.not_before, t.not_after,
d.manufacturer, d.model, d.since, d.delivery_id, d.imported_at
"""

_FROM: Final = """
FROM tokens t LEFT JOIN devices d ON d.tenant = t.tenant AND d.token_id = t.token_id
"""

PARTS: Final = {"columns": _COLUMNS, "tables": _FROM}
"""What `shelved` takes, and where it is read from."""

# However few are wanted, no statement looks at more tokens than these.
_AMONG: Final = statement(
    """
SELECT max(w.serial), count(*) FROM
  (SELECT t.serial FROM tokens t
   WHERE t.tenant = :tenant AND t.serial > :after AND t.serial >= :prefix
   ORDER BY t.serial LIMIT :count) w
"""
)

_PAGE: Final = """
SELECT {columns} {tables}
WHERE t.tenant = :tenant AND t.serial > :after AND t.serial <= :last
  AND substr(t.serial, 1, :length) = :prefix {conditions}
ORDER BY t.serial
"""

_IS_OVER: Final = "(t.not_after IS NOT NULL AND t.not_after <= {now})"
_IS_DESTROYED: Final = " OR ".join(f"t.state = '{state}'" for state in sorted(DESTROYED))


async def page_of(transaction: Transaction, tenant: str, wanted: Wanted, after: str) -> Page:
    """Return what is wanted of the tokens that come after ``after``; see `Shelf.page`."""
    values: dict[str, Value] = {
        "tenant": tenant,
        "after": after,
        "prefix": wanted.prefix,
        "count": LOOKED_AT,
    }
    (((last, count),),) = await transaction.run(Asked(_AMONG, values))
    if not count:
        return Page(moment(transaction.now), (), None)
    page, more = _statement(wanted)
    values |= {**more, "last": last, "length": len(wanted.prefix)}
    (rows,) = await transaction.commit(Asked(page, values))
    end = last if count == LOOKED_AT else None
    return Page(moment(transaction.now), tuple(map(shelved, rows)), end)


def _statement(wanted: Wanted) -> tuple[Statement, dict[str, Value]]:
    """Return what finds the tokens that are wanted, and the values of its conditions."""
    conditions = list(_conditions(wanted))
    text = "".join(f" AND ({condition})" for condition, _ in conditions)
    values: dict[str, Value] = {}
    for _, more in conditions:
        values |= more
    return statement(_PAGE, parts={"conditions": text, **PARTS}), values


def _conditions(wanted: Wanted) -> Iterator[tuple[str, dict[str, Value]]]:
    if wanted.states:
        yield " OR ".join(f"({_is_called(word)})" for word in sorted(wanted.states)), {}
    if wanted.custody is not None:
        yield "t.custody = :custody", {"custody": wanted.custody}
    if wanted.delivery_id is not None:
        yield "d.delivery_id = :delivery_id", {"delivery_id": wanted.delivery_id}
    if wanted.is_bound is not None:
        yield f"t.subscriber IS {'NOT ' if wanted.is_bound else ''}NULL", {}
    if wanted.ending is not None or wanted.drift is not None:
        yield f"NOT ({_IS_DESTROYED})", {}
    if wanted.ending is not None:
        time, since = wanted.ending
        ends: dict[str, Value] = {"time": microseconds_of(time), "since": since.isoformat()}
        yield "t.not_after < :time OR d.since <= :since", ends
    if wanted.drift is not None:
        least, most = wanted.drift
        yield "t.factor = 'TIME' AND abs(t.drift) >= :least", {"least": least}
        if most is not None:
            yield "abs(t.drift) <= :most", {"most": most}


def _is_called(word: str) -> str:
    if word == EXPIRED:
        return f"{_IS_OVER} AND NOT ({_IS_DESTROYED})"
    # Only what is an enumeration's word gets into a statement.
    state = State(word)
    return f"t.state = '{state}'" + ("" if state in DESTROYED else f" AND NOT {_IS_OVER}")


def shelved(row: Row) -> Shelved:
    """Return the token of a row of the columns in `PARTS`."""
    (
        token_id, serial, state, is_bound, kind, factor, hash_, digits, period, t0, custody,
        key_version, last_step, drift, generation, *spent, not_before, not_after, manufacturer,
        model, since, delivery_id, imported_at,
    ) = row  # fmt: skip
    return Shelved(
        token_id,
        serial,
        State(state),
        bool(is_bound),
        Kind(kind),
        Profile(MovingFactor(factor), Hash(hash_), digits, period, t0),
        CustodyLabel(custody),
        key_version,
        last_step,
        drift,
        generation,
        Attempts(*spent),
        Validity(time_of(not_before), time_of(not_after)),
        Device(
            manufacturer or "", model or "", None if since is None else date.fromisoformat(since)
        ),
        delivery_id,
        time_of(imported_at),
    )
