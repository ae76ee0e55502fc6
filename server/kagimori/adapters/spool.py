# SPDX-License-Identifier: Apache-2.0
"""What of a file was met before, on disk: a million serials take no more memory than ten.

SQLite keeps it in a file that has no name and is gone with the process. Nothing
of it is worth a journal: a run that is cut off begins its file anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

from kagimori.application.deliveries.ports import Earlier

_CACHE_KIB: Final = 4096
"""Of the file's pages, how much is kept in memory."""

# An empty name is a temporary file of SQLite's own, which it unlinks at once
# (https://www.sqlite.org/inmemorydb.html, "Temporary Databases").
_NO_NAME: Final = ""

_SCHEMA: Final = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -{_CACHE_KIB};
CREATE TABLE serials (serial TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE seeds (digest BLOB PRIMARY KEY, serial TEXT NOT NULL) WITHOUT ROWID;
BEGIN;
"""
_NOTE_SERIAL: Final = "INSERT INTO serials VALUES (?) ON CONFLICT DO NOTHING"
_NOTE_SEED: Final = "INSERT INTO seeds VALUES (?, ?) ON CONFLICT DO NOTHING"
_SEED_OF: Final = "SELECT serial FROM seeds WHERE digest = ?"

_NEW: Final = Earlier()
_AGAIN: Final = Earlier(serial=True)


class SpooledSeen:
    """A `Seen`; it belongs to the thread that opened it."""

    def __init__(self, file: sqlite3.Connection) -> None:
        """Take an open file; see `spool`."""
        self._file = file
        file.executescript(_SCHEMA)

    def meet(self, met: Sequence[tuple[str, bytes]]) -> list[Earlier]:
        """See `Seen.meet`. The seed behind a serial that comes again is not noted."""
        return [self._meet(serial, digest) for serial, digest in met]

    def _meet(self, serial: str, digest: bytes) -> Earlier:
        if not self._file.execute(_NOTE_SERIAL, (serial,)).rowcount:
            return _AGAIN
        if self._file.execute(_NOTE_SEED, (digest, serial)).rowcount:
            return _NEW
        ((first,),) = self._file.execute(_SEED_OF, (digest,))
        return Earlier(seed_of=first)


@contextmanager
def spool() -> Iterator[SpooledSeen]:
    """Open an empty one; it is gone when the block is left."""
    with closing(sqlite3.connect(_NO_NAME, isolation_level=None)) as file:
        yield SpooledSeen(file)
