# SPDX-License-Identifier: Apache-2.0
"""The schema's history (Alembic), shipped inside the package.

During a rolling upgrade the old version serves beside the new one. So a
migration only adds what the old statements do not notice (columns that may be
NULL or have a default, tables, indexes), and what is no longer used is taken
away one version later, by a migration that raises ``schema_floor``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from kagimori.adapters.sql import postgresql
from kagimori.adapters.sql.connection import is_postgresql, sqlite_path
from kagimori.adapters.sql.database import DatabaseRefused
from kagimori.adapters.sql.revision import is_current

__all__ = ["is_current", "upgrade"]

# Two administrators at once take turns; the number is nobody else's.
_TURN: Final = "SELECT pg_advisory_xact_lock(7203004)"


def upgrade(url: str, password: str | None = None) -> str:
    """Create the schema, or bring it up to date; return its revision.

    A missing SQLite file is made; a PostgreSQL database must exist. A schema
    that is newer and still fit for this version is left alone. All of it
    happens, or nothing. Raises `DatabaseRefused`.
    """
    if not is_postgresql(url):
        _create_for_its_owner(sqlite_path(url))
    config = _config()
    with _connected(url, password) as connection:
        revision = _revision(connection)
        if revision is not None and _serves_newer(connection, revision):
            return revision
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return _head()


def _revision(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _serves_newer(connection: sa.Connection, revision: str) -> bool:
    """Return whether a schema of the future still has what this version needs."""
    if revision <= _head():
        return False
    floor: str | None = connection.scalar(sa.text("SELECT MAX(oldest) FROM schema_floor"))
    return floor is not None and floor <= _head()


def _create_for_its_owner(path: Path) -> None:
    """Make a missing file readable by nobody else; SQLite's own would be."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise DatabaseRefused(f"cannot use {path}: {error.strerror}") from None


@contextmanager
def _connected(url: str, password: str | None) -> Iterator[sa.Connection]:
    """Run one transaction on the database; its trouble is a `DatabaseRefused`."""
    engine = _postgresql(url, password) if is_postgresql(url) else _sqlite(url)
    place = "the PostgreSQL database" if is_postgresql(url) else str(sqlite_path(url))
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        raise DatabaseRefused(f"cannot use {place}: {_words(error)}") from None
    except CommandError as error:
        raise DatabaseRefused(f"cannot migrate {place}: {error}") from None
    finally:
        engine.dispose()


def _sqlite(url: str) -> sa.Engine:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    # The driver must not open transactions by its own rules: it would leave
    # DDL outside, and a migration that broke off would be half done.
    sa.event.listen(engine, "connect", _leave_transactions_alone)
    sa.event.listen(engine, "begin", _begin_immediate)
    return engine


def _postgresql(url: str, password: str | None) -> sa.Engine:
    engine = sa.create_engine(
        "postgresql+psycopg://",
        poolclass=sa.NullPool,
        creator=lambda: postgresql.administer(url, password),
    )
    sa.event.listen(engine, "begin", _take_turns)
    return engine


def _head() -> str:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise LookupError("the package holds no migration")
    return head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def _words(error: sa.exc.DBAPIError) -> str:
    return " ".join(str(error.orig).split())


def _leave_transactions_alone(connection: object, _record: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]  # a driver's connection


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _take_turns(connection: sa.Connection) -> None:
    connection.exec_driver_sql(_TURN)
