# SPDX-License-Identifier: Apache-2.0
"""Where secrets come from: a file, the environment or a prompt, never an argument."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from kagimori.config.reading import AnchoredPath, ConfigError, Section


class PinSource(Section):
    """Where a PIN comes from; exactly one of the three. Never an argument."""

    noun: ClassVar[str] = "PIN"

    file: AnchoredPath | None = Field(default=None, description="a file that holds the PIN alone")
    env: str | None = Field(default=None, description="the name of an environment variable")
    prompt: bool = Field(default=False, description="ask at the terminal")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum((self.file is not None, self.env is not None, self.prompt)) != 1:
            msg = "needs exactly one of file, env and prompt"
            raise ValueError(msg)
        return self

    def read(self, purpose: str) -> SecretStr:
        """Return the PIN for ``purpose`` (for people), or raise `ConfigError`."""
        what = f"the {self.noun} for {purpose}"
        pin = self._text(what)
        if not pin:
            raise ConfigError(f"{what} is empty")
        return SecretStr(pin)

    def _text(self, what: str) -> str:
        if self.prompt:
            return _typed(what)
        if self.env is not None:
            return _from_environment(self.env, what)
        try:
            return (self.file or Path()).read_text(encoding="ascii").strip()
        except OSError as error:
            raise ConfigError(f"{what}: {error.strerror}: {error.filename}") from None
        except UnicodeDecodeError:
            # Its own words and repr would show the whole PIN.
            raise ConfigError(f"{what}: {self.file} is not ASCII text") from None


class PasswordSource(PinSource):
    """Where the database user's password comes from."""

    noun: ClassVar[str] = "password"


def _typed(what: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigError(f"{what} is typed at a terminal, and this is none")
    return getpass.getpass(f"{what[4:]}: ")


def _from_environment(name: str, what: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise ConfigError(f"{what}: {name} is not set") from None
