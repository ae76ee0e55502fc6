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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

_VALUE: Final = re.compile(r"(?<!:):([a-z][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Statement:
    """The same statement for both databases, each with its own placeholders."""

    sqlite: str
    postgresql: str


def statement(
    text: str,
    batch: Mapping[str, str] | None = None,
    parts: Mapping[str, str] | None = None,
    *,
    unlocked_tokens: bool = False,
) -> Statement:
    """Return ``text`` for both databases.

    ``batch`` gives the columns of the input rows in their order, each with its
    PostgreSQL type; ``parts`` are put in for their names in braces.
    """
    columns = batch or {}
    for name, part in (parts or {}).items():
        text = text.replace(f"{{{name}}}", part)
    sqlite = text.format(batch=_sqlite_batch(columns), skip_locked="", any_unlocked="", row="rowid")
    postgresql = text.format(
        batch=_postgresql_batch(columns, unlocked_tokens=unlocked_tokens),
        skip_locked="FOR NO KEY UPDATE OF t SKIP LOCKED",
        any_unlocked="FOR UPDATE SKIP LOCKED",
        row="ctid",
    )
    return Statement(sqlite, _VALUE.sub(r"%(\1)s", postgresql))


def encoded(rows: Iterable[tuple[object, ...]]) -> str:
    """Return rows as the value that ``batch`` is read from."""
    return orjson.dumps(list(rows)).decode()


def _sqlite_batch(columns: Mapping[str, str]) -> str:
    parts = ", ".join(
        f"json_extract(value, '$[{number}]') AS {name}" for number, name in enumerate(columns)
    )
    return f"WITH batch AS (SELECT {parts} FROM json_each(:batch))"  # noqa: S608 - our own names


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
