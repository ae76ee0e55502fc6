# SPDX-License-Identifier: Apache-2.0
"""The authority's other processes as child processes: the apps' door and the post."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from development.environment import Environment, command, free_port, kagimori
from development.server import START_SECONDS, STOP_SECONDS, NotServing

_DOOR: Final = re.compile(r'(\[provisioning\]\nlisten = )"[^"]*"')


class Companion:
    """A process beside the server that says in its log when it is ready.

    Use it as a context manager.
    """

    def __init__(self, environment: Environment, word: str, ready: str) -> None:
        """``word`` is the subcommand, ``ready`` the event of the line it is waited for."""
        self._environment = environment
        self._word = word
        self._ready = f'"event":"{ready}"'
        self.log: Path = environment.directory / f"{word}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the child's process id."""
        return self._child.pid

    def start(self) -> Self:
        """Start it and return once it is ready; raise `NotServing` otherwise."""
        with self.log.open("ab") as log:
            begin = log.tell()
            self._process = subprocess.Popen(
                command(self._word, "--config", self._environment.config),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while self._ready not in self.log.read_text()[begin:]:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise NotServing("\n".join(self.log.read_text().splitlines()[-20:]))
            time.sleep(0.05)
        return self

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        self._child.send_signal(signal.SIGTERM)
        return self._child.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        self._child.kill()
        self._child.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()

    @property
    def _child(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("it was not started")
        return self._process


def provisioning_of(environment: Environment) -> Companion:
    """Return ``kagimori provision``, which token apps reach; see `open_a_door_for_apps`."""
    return Companion(environment, "provision", "serving")


def mail_of(environment: Environment) -> Companion:
    """Return ``kagimori mail``: what sends the letters."""
    return Companion(environment, "mail", "sending")


def open_a_door_for_apps(environment: Environment) -> Path:
    """Let the apps' listener have a free port; return the profile that apps ship with."""
    door = f"127.0.0.1:{free_port()}"
    text = environment.config.read_text()
    environment.config.write_text(re.sub(_DOOR, rf'\g<1>"{door}"', text, count=1))
    made = kagimori(
        "app-profile",
        *("--config", environment.config),
        *("--target", door),
        *("--ca", environment.certificates / "ca.pem"),
    )
    if made.returncode:
        raise NotServing(made.stderr)
    profile = environment.directory / "authority.toml"
    profile.write_text(made.stdout)
    return profile


def post_letters_at(environment: Environment, port: int) -> None:
    """Let the letters go to the mail server at ``port`` of this machine."""
    text = environment.config.read_text()
    text, _, _ = text.partition("\n[mail]")
    environment.config.write_text(f'{text}\n[mail]\nserver = "127.0.0.1:{port}"\ntls = "none"\n')
