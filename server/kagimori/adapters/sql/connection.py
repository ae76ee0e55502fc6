# SPDX-License-Identifier: Apache-2.0
"""From a URL to the database behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from kagimori.adapters.sql.database import Database, DatabaseRefused
from kagimori.adapters.sql.postgresql import PostgresqlDatabase
from kagimori.adapters.sql.sqlite import BUSY_HOUR, SqliteDatabase

_SQLITE: Final = "sqlite:///"
_POSTGRESQL: Final = "postgresql://"


def open_database(url: str, password: str | None = None, cache: int = BUSY_HOUR) -> Database:
    """Open the existing database at ``url``, or raise `DatabaseRefused`.

    ``url`` is ``sqlite:///<path of a file>`` or ``postgresql://…``; only the
    latter has a password, only the former a ``cache`` (kibibytes).
    """
    if is_postgresql(url):
        return PostgresqlDatabase.open(url, password)
    return SqliteDatabase.open(sqlite_path(url), cache)


def is_postgresql(url: str) -> bool:
    """Return whether ``url`` names a PostgreSQL database."""
    return url.startswith(_POSTGRESQL)


def sqlite_path(url: str) -> Path:
    """Return the file of an ``sqlite:///…`` URL, or raise `DatabaseRefused`."""
    path = url.removeprefix(_SQLITE)
    if path in {url, ""}:
        raise DatabaseRefused(
            "the database URL must be sqlite:///<path of a file> or postgresql://<host>/<database>"
        )
    return Path(path)
