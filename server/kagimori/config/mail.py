# SPDX-License-Identifier: Apache-2.0
"""The mail server that takes the authority's letters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

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
    seconds: float = Field(30.0, gt=0, description="longest wait for one answer of the server")
