# SPDX-License-Identifier: Apache-2.0
"""Writes at which PostgreSQL halts, so that whoever makes them can be killed there."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from kagimori.adapters.sql.schema import metadata
from races.death import Death
from support.processes.calls import eventually

_LOOK_EVERY = 0.002
"""Seconds. The database gives up what is halted for longer than its time for a statement."""

# A sequence counts for all sessions, and what it has counted is never rolled back.
_COUNTDOWN = """
CREATE SEQUENCE countdown MINVALUE -1000000 START 1;
CREATE FUNCTION halt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('countdown') = 0 THEN PERFORM pg_advisory_xact_lock(0); END IF;
  RETURN NULL;
END $$
"""
# Of a statement: it has made its write, and the next one is not there yet.
_TRIGGER = """
CREATE TRIGGER halt AFTER INSERT OR UPDATE OR DELETE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION halt()
"""
_DISARMED = "SELECT setval('countdown', 1)"
_HALTED = """
SELECT a.pid, a.client_port FROM pg_stat_activity a JOIN pg_locks l USING (pid)
WHERE a.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted
"""
_GONE = "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %s)"

_Session = psycopg.Connection[tuple[Any, ...]]


class Halts:
    """Triggers in a database: any statement that writes can be made to wait."""

    def __init__(self, url: str) -> None:
        """Set the triggers; ``url`` is as in the configuration."""
        self._url = url
        with self._session() as session:
            session.execute(_COUNTDOWN)
            for table in metadata.tables:
                session.execute(_TRIGGER.format(table=table).encode())

    @contextmanager
    def killing(
        self, serving: Callable[[], Sequence[int]], writes: int, *, at_the_commit: bool
    ) -> Iterator[Death]:
        """See `Site.killing`."""
        death, over = Death(), threading.Event()
        with ThreadPoolExecutor(1) as watch, self._session() as holder:
            holder.execute("SELECT pg_advisory_lock(0)")
            holder.execute("SELECT setval('countdown', %s)", [-writes])
            killed = watch.submit(self._kill, serving, over, is_ended=not at_the_commit)
            try:
                yield death
            finally:
                over.set()
                halted = killed.result()
                death.came = halted is not None
                death.writes = min(writes, _counted(holder) + writes)
                holder.execute("SELECT pg_advisory_unlock(0)")
                # What it does before it finds that it has no caller is done by then.
                eventually(lambda: halted is None or _is_gone(holder, halted))
                holder.execute(_DISARMED)

    def _kill(
        self, serving: Callable[[], Sequence[int]], over: threading.Event, *, is_ended: bool
    ) -> int | None:
        """Kill whose statement halts; return its session's id, or None when it is ``over``."""
        with self._session() as looker:
            while not over.wait(_LOOK_EVERY):
                halted = looker.execute(_HALTED).fetchone()
                if halted is None:
                    continue
                session, port = halted
                os.kill(_holder_of(port, serving()), signal.SIGKILL)
                if is_ended:
                    looker.execute("SELECT pg_terminate_backend(%s)", [session])
                return int(session)
        return None

    def _session(self) -> _Session:
        return psycopg.connect(self._url, autocommit=True)


def _counted(session: _Session) -> int:
    (last,) = session.execute("SELECT last_value FROM countdown").fetchall()
    return int(last[0])


def _is_gone(session: _Session, halted: int) -> bool:
    (gone,) = session.execute(_GONE, [halted]).fetchall()
    return bool(gone[0])


def _holder_of(port: int, processes: Sequence[int]) -> int:
    """Return the process whose end of a connection is at the local ``port``."""
    socket = _socket_at(port)
    for process in processes:
        # One that has ended, or a file that it has just closed.
        with suppress(OSError):
            for file in Path(f"/proc/{process}/fd").iterdir():
                with suppress(OSError):
                    if str(file.readlink()) == socket:
                        return process
    raise AssertionError("no serving process has the connection whose statement halts")


def _socket_at(port: int) -> str:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if int(words[1].rpartition(":")[2], 16) == port:
            return f"socket:[{words[9]}]"
    raise AssertionError("the connection whose statement halts is no local one")
