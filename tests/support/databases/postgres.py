# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of the tests' own, from Debian's packages.

It is as durable as the product demands: fsync is on. It dies with the process
that started it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import psycopg

from kagimori.adapters.sql import migrations
from support.databases.emptying import made_empty, shape_of

USER: Final = "kagimori"
ROLE_WITH_PASSWORD: Final = "teller"
_SYSTEM_USER: Final = "postgres"
_TEMPLATE: Final = "template_kagimori"
_PATIENCE: Final = 120.0

# Everybody is let in, but one role must show its password.
_HBA: Final = f"""
host all {ROLE_WITH_PASSWORD} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""

Mode = Literal["fast", "immediate", "kill"]
_SIGNALS: Final = {
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
    "kill": signal.SIGKILL,
}


class Cluster:
    """One server and its data; databases are made from a migrated template."""

    def __init__(self, directory: Path, *, autovacuum: bool) -> None:
        self.port = _free_port()
        self._autovacuum = autovacuum
        self._directory = directory
        self._databases = 0
        self._empty = 0
        self._shape: tuple[Any, ...] = ()
        self._lent: set[str] = set()
        self._back: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextlib.contextmanager
    def running(cls, parent: Path | None = None, *, autovacuum: bool = True) -> Iterator[Cluster]:
        """Run a server in the block. If we are root, ``postgres`` must reach ``parent``."""
        directory = Path(tempfile.mkdtemp(prefix="kagimori-postgresql-", dir=parent))
        cluster = cls(directory, autovacuum=autovacuum)
        try:
            cluster._initialise()
            cluster.start()
            yield cluster
        finally:
            cluster.stop("immediate")
            shutil.rmtree(directory)

    @property
    def pid(self) -> int:
        """The postmaster's process."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str = "postgres", user: str = USER, port: int | None = None) -> str:
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start the server; return when it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._directory),
            "max_connections": "200",
            "shared_buffers": "64MB",
            "autovacuum": "on" if self._autovacuum else "off",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_as_its_user(), _program("postgres"), "-D", self._data, *settings],
                stdout=log,
                stderr=log,
                cwd=self._directory,
                start_new_session=True,
            )
        self._await()

    def stop(self, mode: Mode = "fast") -> None:
        """Stop the server, if it runs, in one of the ways servers end."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(_SIGNALS[mode])
            process.wait(_PATIENCE)

    def reload(self) -> None:
        """Let the server read its settings again, and wait until it has."""
        (before,) = self.run("SELECT pg_conf_load_time()")
        self.run("SELECT pg_reload_conf()")
        end = time.monotonic() + _PATIENCE
        while self.run("SELECT pg_conf_load_time()") == [before]:
            assert time.monotonic() < end, "the server never read its settings"
            time.sleep(0.01)

    def lend_database(self) -> str:
        """Return the URL of a database like a new one, for whoever gives it back."""
        url = self._back.pop() if self._back else self.create_database()
        self._lent.add(url)
        return url

    def take_back(self, url: str) -> None:
        """Take a database that was lent, to lend it again unless more than its rows changed."""
        if url in self._lent and made_empty(url, self._shape):
            self._back.append(url)
        self._lent.discard(url)

    def create_database(self) -> str:
        """Return the URL of a new database with the current schema."""
        if not self._databases:
            self.run(f"CREATE DATABASE {_TEMPLATE}")
            migrations.upgrade(self.url(_TEMPLATE))
            self._shape = shape_of(self.url(_TEMPLATE))
        self._databases += 1
        name = f"authority_{self._databases}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return self.url(name)

    def create_empty_database(self) -> str:
        """Return the URL of a new database without any table."""
        self._empty += 1
        name = f"empty_{self._empty}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def run(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement as the server's superuser."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def _initialise(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self._directory, _SYSTEM_USER, _SYSTEM_USER)
        arguments = ["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--no-locale"]
        subprocess.run(
            [*_as_its_user(), _program("initdb"), "-D", self._data, "--no-sync", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._directory,
        )
        (self._data / "pg_hba.conf").write_text(_HBA)

    def _await(self) -> None:
        end = time.monotonic() + _PATIENCE
        while True:
            assert self._process is not None
            assert self._process.poll() is None, (self._directory / "log").read_text()
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                assert time.monotonic() < end, "the server never came to answer"
                time.sleep(0.02)
            else:
                return


def _as_its_user() -> list[str]:
    """Return what to put before a command: PostgreSQL refuses to run as root."""
    prefix = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0:
        prefix += ["--reuid", _SYSTEM_USER, "--regid", _SYSTEM_USER, "--init-groups"]
    return prefix


def _program(name: str) -> Path:
    """Return Debian's newest; the packages keep them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert found, "the package postgresql is missing: tools/system_packages.sh"
    return found[-1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
