# SPDX-License-Identifier: Apache-2.0
"""The configuration: one TOML file, read whole and refused by the key's name.

Relative paths are relative to the file they stand in. ``docs/configuration.md``
is generated from the models below.
"""

from __future__ import annotations

import getpass
import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self, TypeVar
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails

from kagimori.domain.policy import AttemptLimits, TenantPolicy, Windows

M = TypeVar("M", bound=BaseModel)


_LAST_PORT: Final = 65_535
_LIMITS: Final = AttemptLimits()
_WINDOWS: Final = Windows()


class ConfigError(Exception):
    """The configuration cannot be used; the message names file and key."""


def _anchored(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base", Path())
    return path if path.is_absolute() else (base / path).resolve()


def _anchored_value(value: str, info: ValidationInfo) -> str:
    if value.startswith(("./", "../")):
        return str(_anchored(Path(value), info))
    return value


AnchoredPath = Annotated[Path, AfterValidator(_anchored)]
Environment = dict[str, Annotated[str, AfterValidator(_anchored_value)]]


class Section(BaseModel):
    """A table of the file: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= _LAST_PORT:
        msg = f"must be host:port, the port from 1 to {_LAST_PORT}"
        raise ValueError(msg)
    return value


class ServerSection(Section):
    """The gRPC listener."""

    listen: Annotated[str, AfterValidator(_address)] = Field(
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
            object.__setattr__(self, "url", f"sqlite:///{_anchored(Path(rest[1:]), info)}")
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


class Config(Section):
    """The whole file."""

    tenants: AnchoredPath = Field(description="the tenants' file")
    server: ServerSection
    hsm: HsmSection
    database: DatabaseSection
    log: LogSection = LogSection()


class LimitsSection(Section):
    """How many wrong codes a token bears."""

    consecutive: int = Field(
        default=_LIMITS.consecutive, ge=1, le=100, strict=True, description="in a row, then LOCKED"
    )
    daily: int = Field(
        default=_LIMITS.daily,
        ge=1,
        le=1000,
        strict=True,
        description="on one calendar day of the tenant",
    )
    since_unlock: int = Field(
        default=_LIMITS.since_unlock, ge=1, le=1000, strict=True, description="in all, then LOCKED"
    )


class WindowsSection(Section):
    """Which steps a code may belong to, counted in steps."""

    time: int = Field(
        default=_WINDOWS.time,
        ge=0,
        le=10,
        strict=True,
        description="on both sides of the predicted step",
    )
    look_ahead: int = Field(
        default=_WINDOWS.look_ahead,
        ge=1,
        le=100,
        strict=True,
        description="counters of event-based tokens",
    )
    max_drift: int = Field(
        default=_WINDOWS.max_drift,
        ge=0,
        le=100,
        strict=True,
        description="how far a clock is followed",
    )


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be the IANA name of a time zone") from None
    return value


class TenantSection(Section):
    """One tenant of the tenants' file; the table's name is the tenant's."""

    service_id: str = Field(pattern=r"^[0-9]{8}$", description="サービスID, 8 digits")
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        "Asia/Tokyo", description="the tenant's calendar (IANA name)"
    )
    limits: LimitsSection = LimitsSection()
    windows: WindowsSection = WindowsSection()

    def policy(self, name: str) -> TenantPolicy:
        """Return the rules of the tenant called ``name``."""
        return TenantPolicy(
            name,
            self.service_id,
            ZoneInfo(self.time_zone),
            AttemptLimits(**self.limits.model_dump()),
            Windows(**self.windows.model_dump()),
        )


class _Tenants(BaseModel):
    tenants: dict[str, TenantSection]


def load(path: Path) -> Config:
    """Read the configuration file at ``path``; raise `ConfigError`."""
    return read(Config, path)


def read(model: type[M], path: Path) -> M:
    """Read the TOML file at ``path`` as a ``model``; raise `ConfigError`."""
    return _validated(model, _table(path), path)


def load_tenants(path: Path) -> dict[str, TenantPolicy]:
    """Return the rules of each tenant in the file, by name; raise `ConfigError`."""
    table = {"tenants": _table(path)}
    sections = _validated(_Tenants, table, path, skip=1).tenants
    policies = {name: section.policy(name) for name, section in sections.items()}
    if not policies:
        raise ConfigError(f"{path}: it names no tenant")
    if len({policy.service_id for policy in policies.values()}) != len(policies):
        msg = f"{path}: two tenants have one service_id"
        raise ConfigError(msg)
    return policies


def _table(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path}: {error.strerror}"
        raise ConfigError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path}: {error}"
        raise ConfigError(msg) from None


def _validated(model: type[M], table: Mapping[str, object], path: Path, skip: int = 0) -> M:
    try:
        return model.model_validate(table, context={"base": path.resolve().parent})
    except ValidationError as error:
        # The offending value is left out: it may be a PIN in the wrong place.
        lines = [
            f"{path}: {'.'.join(str(part) for part in problem['loc'][skip:]) or 'file'}: "
            f"{_in_our_words(problem)}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigError("\n".join(lines)) from None


def _in_our_words(problem: ErrorDetails) -> str:
    """Say what is wrong as the reader of a TOML file would put it."""
    words = {"missing": "is missing", "extra_forbidden": "is no key of this file"}
    if problem["type"] in words:
        return words[problem["type"]]
    return problem["msg"].removeprefix("Value error, ")
