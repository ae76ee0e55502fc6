# SPDX-License-Identifier: Apache-2.0
"""One set of statements for two databases: here is all that differs between them.

A statement is written once, with ``:name`` for a value, ``{now}`` for the
transaction's time by the database's clock (microseconds since 1970 UTC), and
``b.name`` for a column of its input, of which it may take many rows at once.

PostgreSQL is a round trip away: all rows go into one statement, as the relation
``batch b``, which is one JSON array of arrays: one parameter and one pass of a
compiled encoder, however many rows there are. SQLite is a function call away: the
statement runs for one row after the other, which go in as bound values, and there
is no relation to be joined.

What claims touch may be locked by another PostgreSQL transaction. A claim must
not wait for it: ``unlocked_tokens`` leaves requests whose tokens are locked out of
``batch``, and ``{skip_locked}`` ends a SELECT that locks what it reads of ``t``.
SQLite has one writer at a time and needs neither. ``{claimed}`` is the token that
a request of such a batch has named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

_VALUE: Final = re.compile(r"(?<!:):([a-z][a-z0-9_]*)")
_COLUMN: Final = re.compile(r"\bb\.([a-z][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Statement:
    """The same statement for both databases, each with its own placeholders.

    They are numbered. PostgreSQL's are ``common``, the names of the values that are
    the same for all rows, and then the batch. SQLite's are first the columns of an
    input row, then ``common``, and last the transaction's time, which the
    connection binds itself. Where there is a ``reread``,
    it reads what PostgreSQL RETURNs, for each row that the statement has changed:
    SQLite's own RETURNING makes a table for the result of every row.
    """

    sqlite: str
    reread: str | None
    postgresql: str
    common: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Returning:
    """What a statement RETURNs: ``columns``, and FROM and WHERE ``place`` to read them again."""

    columns: str
    place: str


def statement(  # noqa: PLR0913 - all that differs between two databases
    text: str,
    batch: Mapping[str, str] | None = None,
    parts: Mapping[str, str] | None = None,
    *,
    unlocked_tokens: bool = False,
    sorted_by: str = "",
    returning: Returning | None = None,
) -> Statement:
    """Return ``text`` for both databases.

    ``batch`` gives the columns of the input rows in their order, each with its
    PostgreSQL type; ``parts`` are put in for their names in braces. Where a
    statement takes rows, ``{batch}`` stands at its begin, ``{from_batch}`` or
    ``{and_batch}`` where they are read from, and ``{sorted}`` where it matters to
    other transactions in which order they come. ``{unseen}`` leaves rows out that
    would conflict with what can be seen, ``{returning}`` stands at the end.
    """
    columns = batch or {}
    for name, part in (parts or {}).items():
        text = text.replace(f"{{{name}}}", part)
    common = tuple(dict.fromkeys(_VALUE.findall(text)))
    reread = None
    if returning is not None:
        again = f"SELECT {returning.columns} {returning.place}"
        reread = _sqlite(again, columns, common)
        text = text.replace("{returning}", f"{{returns}} {returning.columns}")
    return Statement(
        _sqlite(re.sub(r"{returns}.*", "", text, flags=re.DOTALL), columns, common),
        reread,
        _postgresql(text, columns, common, sorted_by, unlocked_tokens=unlocked_tokens),
        common,
    )


def encoded(rows: Iterable[tuple[object, ...]]) -> str:
    """Return rows as the value that PostgreSQL's ``batch`` is read from.

    JSON has no octets: they are the text that PostgreSQL casts to ``bytea``.
    """
    return orjson.dumps(list(rows), default=_octets).decode()


def _octets(value: object) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"a row cannot hold a {type(value).__name__}")
    return f"\\x{value.hex()}"


def _sqlite(text: str, columns: Mapping[str, str], common: tuple[str, ...]) -> str:
    numbers = {name: number for number, name in enumerate((*columns, *common), start=1)}
    now = f"?{len(numbers) + 1}"
    text = text.format(
        batch="",
        from_batch="",
        and_batch="",
        sorted="",
        skip_locked="",
        any_unlocked="",
        unseen="WHERE true",
        row="rowid",
        now=now,
        oldest=_OLDEST,
        claimed=_CLAIMED,
    )
    text = _COLUMN.sub(lambda found: f"?{numbers[found[1]]}", text)
    return _VALUE.sub(lambda found: f"?{numbers[found[1]]}", text)


def _postgresql(
    text: str,
    columns: Mapping[str, str],
    common: tuple[str, ...],
    sorted_by: str,
    *,
    unlocked_tokens: bool,
) -> str:
    text = text.format(
        batch=_postgresql_batch(columns, unlocked_tokens=unlocked_tokens),
        from_batch="FROM batch b",
        and_batch=", batch b",
        sorted=f"ORDER BY {sorted_by}",
        skip_locked="FOR NO KEY UPDATE OF t SKIP LOCKED",
        any_unlocked="FOR UPDATE SKIP LOCKED",
        unseen=_UNSEEN,
        returns="RETURNING",
        row="ctid",
        now=_NOW,
        oldest="requests",
        claimed="b.token_id",
    )
    numbers = {name: number for number, name in enumerate((*common, "batch"), start=1)}
    return _VALUE.sub(lambda found: f"${numbers[found[1]]}", text)


def _postgresql_batch(columns: Mapping[str, str], *, unlocked_tokens: bool) -> str:
    parts = ", ".join(
        f"(value ->> {number})::{kind} AS {name}"
        for number, (name, kind) in enumerate(columns.items())
    )
    rows = f"(SELECT {parts} {_ELEMENTS})"
    if not unlocked_tokens:
        return f"WITH batch AS MATERIALIZED {rows}"
    return f"WITH offered AS MATERIALIZED {rows}, batch AS MATERIALIZED {_UNLOCKED}"


# The condition always holds. It makes the planner expect one row instead of
# a hundred, so that it goes from the batch to the tables by their keys even
# where a table is young and looks empty; plans outlive what they were made for.
_ELEMENTS: Final = """
FROM jsonb_array_elements(:batch ::jsonb) WHERE jsonb_typeof(value) = 'array'
"""

_UNLOCKED: Final = """
(SELECT o.*, r.token_id
FROM offered o
JOIN requests r ON r.tenant = o.tenant AND r.request_id = o.request_id AND r.lease = o.lease
JOIN tokens t ON t.tenant = r.tenant AND t.token_id = r.token_id
FOR NO KEY UPDATE OF t SKIP LOCKED)
"""

_NOW: Final = "(extract(epoch FROM now()) * 1000000)::bigint"

# In SQLite's own order, which needs no index.
_OLDEST: Final = """
(SELECT rowid, created_at, lease_until FROM requests ORDER BY rowid LIMIT :count)
"""

# To touch a row that can be seen could mean waiting for who settles it. A NOT EXISTS would
# become a join, which goes through all requests for each row while the table looks empty.
_UNSEEN: Final = """
WHERE (SELECT r.lease FROM requests r
  WHERE r.tenant = b.tenant AND r.request_id = b.request_id) IS NULL
"""

_CLAIMED: Final = """
(SELECT r.token_id FROM requests r
WHERE r.tenant = b.tenant AND r.request_id = b.request_id AND r.lease = b.lease)
"""
