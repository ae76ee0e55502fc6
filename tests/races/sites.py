# SPDX-License-Identifier: Apache-2.0
"""The two databases, each with the ways in which it can be made to fail."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Protocol

from races.death import Death
from races.disk import FaultyDisk
from races.halts import Halts
from support.databases.postgres import Cluster
from support.databases.proxy import Proxy

PROCESSES = 4
"""Server processes on PostgreSQL. SQLite has one, and says so."""


class Site(Protocol):
    """Where an authority keeps its state."""

    @property
    def workers(self) -> int | None:
        """Return how many processes serve under a supervisor; None for one without."""
        ...

    @property
    def variables(self) -> Mapping[str, str]:
        """Return what the server's environment needs."""
        ...

    @property
    def url(self) -> str:
        """Return the server's way to the database, for its configuration."""
        ...

    @property
    def direct(self) -> str:
        """Return the tests' own way, which nothing disturbs."""
        ...

    def gone(self) -> AbstractContextManager[None]:
        """Take the database away until the block is left."""
        ...

    def commits_unconfirmed(self) -> AbstractContextManager[None]:
        """Let commits happen, but never let the server know."""
        ...

    def commits_lost(self) -> AbstractContextManager[None]:
        """Let no commit happen, and the server not know."""
        ...

    def killing(
        self, serving: Callable[[], Sequence[int]], writes: int, *, at_the_commit: bool = False
    ) -> AbstractContextManager[Death]:
        """End the one of the ``serving`` processes that makes so many more writes, right after.

        A server of a database loses its connection with it; or it goes on to the end of
        what it was sent, ``at_the_commit`` that is.
        """
        ...


class SqliteSite:
    """A file on a disk that can fail."""

    workers = None

    def __init__(self, directory: Path, file: Path) -> None:
        self._file = file
        self._disk = FaultyDisk(directory)

    @property
    def variables(self) -> Mapping[str, str]:
        return self._disk.environment

    @property
    def url(self) -> str:
        return f"sqlite:///{self._file}"

    direct = url

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Hold the write lock, as a process in a long transaction would."""
        holder = sqlite3.connect(self._file, isolation_level=None, timeout=10.0)
        holder.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            holder.close()

    def commits_unconfirmed(self) -> AbstractContextManager[None]:
        return self._disk.commits_unknown()

    def commits_lost(self) -> AbstractContextManager[None]:
        return self._disk.commits_lost()

    def killing(
        self,
        serving: Callable[[], Sequence[int]],  # noqa: ARG002 - there is one
        writes: int,
        *,
        at_the_commit: bool = False,  # noqa: ARG002 - its last write is the commit
    ) -> AbstractContextManager[Death]:
        return self._disk.killing(writes)


class PostgresqlSite:
    """A database of a cluster; with a ``proxy`` between, its replies can be cut off."""

    workers = PROCESSES
    variables: Mapping[str, str] = {}

    def __init__(self, cluster: Cluster, proxy: Proxy | None) -> None:
        self._cluster = cluster
        self._proxy = proxy
        self.direct = cluster.create_database()

    @property
    def url(self) -> str:
        if self._proxy is None:
            return self.direct
        return self._cluster.url(self.direct.rpartition("/")[2], port=self._proxy.port)

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Stop the server as a crash would, and start it at the end."""
        self._cluster.stop("immediate")
        try:
            yield
        finally:
            self._cluster.start()

    def commits_unconfirmed(self) -> AbstractContextManager[None]:
        assert self._proxy, "this arena has no proxy"
        return self._proxy.losing_replies_to_commits()

    def commits_lost(self) -> AbstractContextManager[None]:
        assert self._proxy, "this arena has no proxy"
        return self._proxy.losing_commits()

    def killing(
        self, serving: Callable[[], Sequence[int]], writes: int, *, at_the_commit: bool = False
    ) -> AbstractContextManager[Death]:
        return self._halts.killing(serving, writes, at_the_commit=at_the_commit)

    @cached_property
    def _halts(self) -> Halts:
        return Halts(self.direct)
