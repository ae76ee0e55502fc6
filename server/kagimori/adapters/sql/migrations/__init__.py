# SPDX-License-Identifier: Apache-2.0
"""The schema's history (Alembic), shipped inside the package."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from kagimori.adapters.sql.connection import DatabaseRefused, sqlite_path


def upgrade(url: str) -> str:
    """Create the database, or bring it up to date; return its revision.

    ``url`` is ``sqlite:///<path of a file>``. All of it happens, or nothing.
    Raises `DatabaseRefused`.
    """
    config = _config()
    _create_for_its_owner(sqlite_path(url))
    with _connected(url) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return _head()


def _create_for_its_owner(path: Path) -> None:
    """Make a missing file readable by nobody else; SQLite's own would be."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise DatabaseRefused(f"cannot use {path}: {error.strerror}") from None


def is_current(url: str) -> bool:
    """Return whether the database exists and has the newest schema."""
    if not sqlite_path(url).exists():
        return False
    with _connected(url) as connection:
        return MigrationContext.configure(connection).get_current_revision() == _head()


@contextmanager
def _connected(url: str) -> Iterator[sa.Connection]:
    """Run one transaction on the file; its trouble is a `DatabaseRefused`."""
    path = sqlite_path(url)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    # The driver must not open transactions by its own rules: it would leave
    # DDL outside, and a migration that broke off would be half done.
    sa.event.listen(engine, "connect", _leave_transactions_alone)
    sa.event.listen(engine, "begin", _begin_immediate)
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        raise DatabaseRefused(f"cannot use {path}: {error.orig}") from None
    except CommandError as error:
        raise DatabaseRefused(f"cannot migrate {path}: {error}") from None
    finally:
        engine.dispose()


def _head() -> str:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise LookupError("the package holds no migration")
    return head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def _leave_transactions_alone(connection: object, _record: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]  # a driver's connection


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
