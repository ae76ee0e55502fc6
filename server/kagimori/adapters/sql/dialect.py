# SPDX-License-Identifier: Apache-2.0
"""One set of statements for two databases: here is all that differs between them.

A statement is written once, with ``:name`` for a value. Its input of many rows
is the relation ``batch``: one JSON array of arrays, which costs one parameter
and one pass of a compiled encoder, however many rows there are.

What claims touch may be locked by another PostgreSQL transaction. A claim must
not wait for it: ``unlocked_tokens`` leaves locked tokens out of ``batch``, and
``{skip_locked}`` ends a SELECT that locks what it reads of ``t``. SQLite has
one writer at a time and needs neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

_BINARY: Final = frozenset({"blob", "row_mac"})
_VALUE: Final = re.compile(r"(?<!:):([a-z][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Statement:
    """The same statement for both databases, each with its own placeholders.

    Where there is a ``reread``, SQLite is asked by it for the rows that PostgreSQL
    RETURNs: for their number, and for all of them as one JSON array, which has
    octets as hexadecimal digits in the columns ``binary``. Python's driver lets
    the interpreter go and takes it again for each row that is returned, and on a
    busy server every time it waits for its turn: that was most of the time.
    """

    sqlite: str
    postgresql: str
    reread: str | None = None
    binary: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """The rows that a statement writes, and their ``columns``, to be returned.

    ``place`` says FROM where they are found afterwards, among others. SQLite's
    statement marks its own with a ``:mark`` of the moment, in the column
    ``marked``: see ``{mark}``, ``{mark_column}`` and ``{mark_value}``.
    """

    columns: Sequence[str]
    place: str


def statement(
    text: str,
    batch: Mapping[str, str] | None = None,
    parts: Mapping[str, str] | None = None,
    *,
    unlocked_tokens: bool = False,
    written: Written | None = None,
) -> Statement:
    """Return ``text`` for both databases.

    ``batch`` gives the columns of the input rows in their order, each with its
    PostgreSQL type; ``parts`` are put in for their names in braces, and
    ``{returning}`` stands where ``written`` rows are returned.
    """
    columns = batch or {}
    for name, part in (parts or {}).items():
        text = text.replace(f"{{{name}}}", part)
    sqlite = text.format(
        batch=_sqlite_batch(columns),
        skip_locked="",
        any_unlocked="",
        row="rowid",
        returning="",
        mark="marked = :mark,",
        mark_column=", marked",
        mark_value=", :mark",
    )
    postgresql = text.format(
        batch=_postgresql_batch(columns, unlocked_tokens=unlocked_tokens),
        skip_locked="FOR NO KEY UPDATE OF t SKIP LOCKED",
        any_unlocked="FOR UPDATE SKIP LOCKED",
        row="ctid",
        returning=f"RETURNING {', '.join(written.columns)}" if written else "",
        mark="",
        mark_column="",
        mark_value="",
    )
    postgresql = _VALUE.sub(r"%(\1)s", postgresql)
    if written is None:
        return Statement(sqlite, postgresql)
    binary = tuple(place for place, name in enumerate(written.columns) if _is_binary(name))
    return Statement(sqlite, postgresql, _sqlite_reread(columns, written), binary)


def encoded(rows: Iterable[tuple[object, ...]]) -> str:
    """Return rows as the value that ``batch`` is read from."""
    return orjson.dumps(list(rows)).decode()


def _sqlite_batch(columns: Mapping[str, str]) -> str:
    parts = ", ".join(
        f"json_extract(value, '$[{number}]') AS {name}" for number, name in enumerate(columns)
    )
    return f"WITH batch AS MATERIALIZED (SELECT {parts} FROM json_each(:batch))"  # noqa: S608 - our own names


def _sqlite_reread(columns: Mapping[str, str], written: Written) -> str:
    shown = ", ".join(f"hex({name})" if _is_binary(name) else name for name in written.columns)
    rows = f"SELECT changes(), json_group_array(json_array({shown})) {written.place}"
    return f"{_sqlite_batch(columns)} {rows}"


def _is_binary(column: str) -> bool:
    return column.rpartition(".")[2] in _BINARY


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
(SELECT o.* FROM offered o JOIN tokens t ON t.tenant = o.tenant AND t.token_id = o.token_id
FOR NO KEY UPDATE OF t SKIP LOCKED)
"""
