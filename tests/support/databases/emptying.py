# SPDX-License-Identifier: Apache-2.0
"""Makes a used database like a new one, where that can be.

A new one takes some five times as long, and ten megabytes that stay.
"""

from __future__ import annotations

import time
from typing import Any, Final

import psycopg
from psycopg import sql

_PATIENCE: Final = 1.0
"""Seconds that connections have to be gone, for the server hears of their ends late."""

# Whatever defines a table, or changes one, writes here. Whoever counts a table's rows changes
# the plans that are made for it.
_SHAPE: Final = b"""
SELECT (SELECT array[count(*), max(xmin::text::bigint)] FROM pg_class),
       (SELECT array[count(*), max(xmin::text::bigint)] FROM pg_attribute),
       (SELECT array[count(*), max(xmin::text::bigint)] FROM pg_constraint),
       (SELECT array[count(*), max(xmin::text::bigint)] FROM pg_trigger),
       (SELECT array[count(*), max(xmin::text::bigint)] FROM pg_proc),
       (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND reltuples >= 0
         AND relnamespace = 'public'::regnamespace),
       (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase =
         (SELECT oid FROM pg_database WHERE datname = current_database()))
"""

_OTHERS: Final = b"""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""

_USED: Final = b"""
SELECT relname::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
  AND relname NOT IN ('alembic_version', 'schema_floor')
"""

_SEQUENCES: Final = b"SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'"


def shape_of(url: str) -> tuple[Any, ...]:
    """Return what two databases have in common whose tables were never changed."""
    with psycopg.connect(url, autocommit=True) as connection:
        return _shape(connection)


def made_empty(url: str, shape: tuple[Any, ...]) -> bool:
    """Delete all rows but the schema's own.

    Return whether the database is like a new one by that: it has its ``shape``, and
    nobody is left who could write to it. That cannot be said of a server which is gone.
    """
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            if not _is_left_alone(connection) or _shape(connection) != shape:
                return False
            _empty(connection)
    except psycopg.OperationalError:
        return False
    return True


def _empty(connection: psycopg.Connection) -> None:
    with connection.transaction():
        # No foreign key is looked at: all rows go.
        connection.execute("SET LOCAL session_replication_role = replica")
        for (table,) in connection.execute(_USED).fetchall():
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        connection.execute(_SEQUENCES)


def _is_left_alone(connection: psycopg.Connection) -> bool:
    end = time.monotonic() + _PATIENCE
    while connection.execute(_OTHERS).fetchone() != (0,):
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def _shape(connection: psycopg.Connection) -> tuple[Any, ...]:
    (row,) = connection.execute(_SHAPE).fetchall()
    return row
