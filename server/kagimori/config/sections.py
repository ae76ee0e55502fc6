# SPDX-License-Identifier: Apache-2.0
"""The configuration file's own sections: listener, HSM, database, log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from kagimori.config.reading import AnchoredPath, Environment, Section, anchored
from kagimori.config.secrets import PasswordSource, PinSource

_LAST_PORT: Final = 65_535


def address(value: str) -> str:
    """Return ``value`` if it is host:port; else raise ValueError."""
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= _LAST_PORT:
        msg = f"must be host:port, the port from 1 to {_LAST_PORT}"
        raise ValueError(msg)
    return value


class ServerSection(Section):
    """The gRPC listener."""

    listen: Annotated[str, AfterValidator(address)] = Field(
        description="address and port to listen on, host:port"
    )
    trust_domain: str = Field(description="SPIFFE trust domain of client certificates")
    certificate: AnchoredPath = Field(description="server certificate chain, PEM, ECDSA")
    private_key: AnchoredPath = Field(description="its private key, PEM")
    client_ca: AnchoredPath = Field(description="CA that signs client certificates, PEM")
    max_concurrent_rpcs: int = Field(
        4096, ge=1, description="calls taken in at once; more are refused as RESOURCE_EXHAUSTED"
    )
    queue: int = Field(
        2048,
        ge=1,
        description="verifications under way at once; more are refused as RESOURCE_EXHAUSTED",
    )
    line: int = Field(256, ge=1, description="verifications that may wait for one token")
    batch: int = Field(256, ge=1, le=1024, description="most verifications in one commit")
    connection_seconds: float = Field(
        300.0,
        ge=1,
        description="age at which a client is asked to connect anew;"
        " a retiring worker waits for it",
    )
    drain_seconds: float = Field(10.0, ge=0, description="how long a stop waits for calls")
    # SoftHSM leaks 243 bytes for each seed it opens: 250 MB by then.
    recycle_after_seeds: int = Field(
        1_000_000, ge=1, description="seeds that one of several workers opens before its successor"
    )
    reflection: bool = Field(
        default=False, description="answer gRPC reflection; for development only"
    )


class ImportingSection(Section):
    """The import partition, for vendors' files that only the host can open."""

    partition: str = Field(description="label of the import partition")
    pin: PinSource = Field(description="its user PIN, in the same forms")


class HsmSection(Section):
    """The PKCS#11 module and the serving partition."""

    provider: str = Field(description="provider profile: softhsm or nss")
    module: AnchoredPath = Field(description="the PKCS#11 module, a shared library")
    environment: Environment = Field(
        default_factory=dict,
        description="environment variables the module wants; ./ and ../ values are paths",
    )
    partition: str = Field(description="label of the serving partition")
    pin: PinSource = Field(
        description="its user PIN: { file = PATH }, { env = NAME } or { prompt = true }; tried once"
    )
    ceremony_record: AnchoredPath = Field(description="what the key ceremony wrote down")
    sessions: int = Field(8, ge=1, le=1024, description="PKCS#11 sessions, each a worker's own")
    wait_seconds: float = Field(2.0, gt=0, description="longest time that one search may take")
    cache_entries: int = Field(1000, ge=0, description="open seeds kept for reuse, in all")
    cache_seconds: float = Field(60.0, ge=0, description="how long an open seed is kept")
    importing: ImportingSection | None = Field(None, description="needed by import-tokens only")


class DatabaseSection(Section):
    """Where the state is."""

    url: str = Field(
        description="sqlite:///PATH, relative to this file if it is relative;"
        " or postgresql://USER@HOST:PORT/DATABASE?PARAMETERS of libpq, without a password"
    )
    password: PasswordSource | None = Field(
        default=None,
        description="the PostgreSQL user's, in the forms of a PIN; else libpq's passfile is read",
    )

    @model_validator(mode="after")
    def _anchor(self, info: ValidationInfo) -> Self:
        scheme, _, rest = self.url.partition("://")
        if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/"):
            if self.password is not None:
                raise ValueError("sqlite has no password")
            object.__setattr__(self, "url", f"sqlite:///{anchored(Path(rest[1:]), info)}")
        elif scheme == "postgresql" and rest:
            _without_password(self.url)
        else:
            raise ValueError("url must be sqlite:///PATH or postgresql://USER@HOST:PORT/DATABASE")
        return self

    def secret(self) -> str | None:
        """Return the user's password, if one is configured; raise `ConfigError`."""
        if self.password is None:
            return None
        return self.password.read("the database user").get_secret_value()


def _without_password(url: str) -> None:
    """Refuse a URL that holds a secret: it is shown where a password must not be."""
    try:
        parts = urlsplit(url)
        secret = parts.password is not None or "password" in parse_qs(
            parts.query, keep_blank_values=True
        )
    except ValueError:
        # Its own words quote the URL.
        raise ValueError("url is no postgresql:// URL") from None
    if secret:
        raise ValueError("url must not hold a password: it belongs in database.password")


class LogSection(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the lowest level written"
    )
    format: Literal["json", "console"] = Field(
        default="json", description="one JSON object a line, or text"
    )
