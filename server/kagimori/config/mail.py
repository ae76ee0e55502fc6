# SPDX-License-Identifier: Apache-2.0
"""The mail server that takes the authority's letters."""

from __future__ import annotations

import ipaddress
import socket
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from kagimori.config.reading import AnchoredPath, Section
from kagimori.config.secrets import PasswordSource
from kagimori.config.sections import address


class MailSection(Section):
    """The mail server that takes the letters (``kagimori mail``)."""

    server: Annotated[str, AfterValidator(address)] = Field(description="host:port, SMTP")
    tls: Literal["starttls", "implicit", "none"] = Field(
        "starttls", description="none is for a relay on this host only"
    )
    ca: AnchoredPath | None = Field(
        default=None, description="CA of the mail server, PEM; else the system's"
    )
    user: str | None = Field(default=None, description="user name, where the server wants one")
    password: PasswordSource | None = Field(
        default=None, description="the user's password, in the forms of a PIN"
    )
    hello: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9.:\[\]-]{1,255}$",
        description="our name in EHLO; else this host's name",
    )
    seconds: float = Field(30.0, gt=0, description="longest wait for one answer of the server")
    final_seconds: float = Field(
        600.0,
        gt=0,
        description="longest wait for its word on a whole letter, which is sent again after it",
    )

    @property
    def host(self) -> str:
        """Return the server's host, an IPv6 address without its brackets."""
        return self.server.rpartition(":")[0].removeprefix("[").removesuffix("]")

    @property
    def port(self) -> int:
        """Return the server's port."""
        return int(self.server.rpartition(":")[2])

    @property
    def own_name(self) -> str:
        """Return what we are called in EHLO (RFC 5321 §4.1.1.1)."""
        return self.hello or socket.gethostname()

    def secret(self) -> SecretStr | None:
        """Return the user's password, if there is one; raise `ConfigError`."""
        return None if self.password is None else self.password.read("the mail server's user")

    @model_validator(mode="after")
    def _in_private(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together")
        if self.tls == "none" and not _is_here(self.host):
            raise ValueError("tls = none is for a relay on this host only")
        return self


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
