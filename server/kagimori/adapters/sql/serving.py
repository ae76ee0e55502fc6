# SPDX-License-Identifier: Apache-2.0
"""An SQLite file has one serving process; PostgreSQL has any number."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from kagimori.adapters.sql.connection import is_postgresql, sqlite_path
from kagimori.adapters.sql.database import DatabaseRefused


@contextmanager
def serving_turn(url: str) -> Iterator[None]:
    """Be the process that serves from the database, or raise `DatabaseRefused`.

    Importing processes need no turn. Where there is PostgreSQL, nobody does.
    """
    if is_postgresql(url):
        yield
        return
    # A file beside it: closing any descriptor of the database file itself
    # would drop the locks that SQLite holds on it in this process.
    guard = sqlite_path(url).with_name(f"{sqlite_path(url).name}.serving")
    try:
        descriptor = os.open(guard, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise DatabaseRefused(f"cannot use {guard}: {error.strerror}") from None
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DatabaseRefused(
            "another process serves from this SQLite file; SQLite has one serving process, "
            "more of them need PostgreSQL"
        ) from None
