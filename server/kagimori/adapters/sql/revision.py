# SPDX-License-Identifier: Apache-2.0
"""Whether a database's schema is fit for this version, as every start asks.

By plain statements: to import Alembic and SQLAlchemy takes longer than everything
else that a serving process does before it serves.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg

from kagimori.adapters.sql import postgresql
from kagimori.adapters.sql.connection import is_postgresql, sqlite_path
from kagimori.adapters.sql.database import DatabaseRefused

_VERSIONS: Final = Path(__file__).parent / "migrations" / "versions"
_REVISION: Final = "SELECT version_num FROM alembic_version"
_FLOOR: Final = "SELECT MAX(oldest) FROM schema_floor"
_PATIENCE: Final = 10.0


def is_current(url: str, password: str | None = None) -> bool:
    """Return whether the schema is there and fit for this version.

    It may be newer, as long as all that was added since leaves this version's
    statements alone. Raises `DatabaseRefused`.
    """
    try:
        found = _on_postgresql(url, password) if is_postgresql(url) else _on_sqlite(url)
    except psycopg.Error as error:
        raise postgresql.refusal(error) from None
    except sqlite3.Error as error:
        raise DatabaseRefused(f"cannot use {sqlite_path(url)}: {error}") from None
    if found is None:
        return False
    revision, oldest = found
    return revision == newest() or revision > newest() >= oldest


def newest() -> str:
    """Return the newest migration that this version brings."""
    return max(path.name[:4] for path in _VERSIONS.glob("[0-9]*.py"))


def _on_sqlite(url: str) -> tuple[str, str] | None:
    if not sqlite_path(url).exists():
        return None
    with closing(sqlite3.connect(sqlite_path(url), timeout=_PATIENCE)) as connection:
        try:
            return _only(connection.execute(_REVISION)), _only(connection.execute(_FLOOR))
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return None


def _on_postgresql(url: str, password: str | None) -> tuple[str, str] | None:
    with closing(postgresql.administer(url, password)) as connection:
        try:
            return _only(connection.execute(_REVISION)), _only(connection.execute(_FLOOR))
        except psycopg.errors.UndefinedTable:
            return None


def _only(cursor: sqlite3.Cursor | psycopg.Cursor[tuple[str, ...]]) -> str:
    """Return the one value of the one row; "" where there is none, which is no revision."""
    row = cursor.fetchone()
    return "" if row is None or row[0] is None else str(row[0])
