# SPDX-License-Identifier: Apache-2.0
"""The authority's other processes as child processes: the apps' door and the post."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Self

from development.child import START_SECONDS, Child, NotServing
from development.environment import Environment, command, free_port, kagimori

_DOOR: Final = re.compile(r'(\[provisioning\]\nlisten = )"[^"]*"')


class Companion(Child):
    """A process beside the server that says in its log when it is ready."""

    def __init__(self, environment: Environment, word: str, ready: str) -> None:
        """``word`` is the subcommand, ``ready`` the event of the line it is waited for."""
        super().__init__(environment.directory / f"{word}.log")
        self._line = command(word, "--config", environment.config)
        self._ready = f'"event":"{ready}"'.encode()

    def start(self) -> Self:
        """Start it and return once it is ready; raise `NotServing` otherwise."""
        self._spawn(self._line, lambda: self._ready in self._logged_since_start(), START_SECONDS)
        return self


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


def let_phones_share_an_address(environment: Environment) -> None:
    """Let as many apps be set up as there are: all phones of a demo call from one address."""
    text = environment.config.read_text()
    more = "[provisioning]\nper_peer = 1000\nnew_per_peer = 1000"
    environment.config.write_text(text.replace("[provisioning]", more, 1))


def post_letters_at(environment: Environment, port: int) -> None:
    """Let the letters go to the mail server at ``port`` of this machine."""
    text = environment.config.read_text()
    text, _, _ = text.partition("\n[mail]")
    environment.config.write_text(f'{text}\n[mail]\nserver = "127.0.0.1:{port}"\ntls = "none"\n')
