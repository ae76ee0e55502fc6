# SPDX-License-Identifier: Apache-2.0
"""What several kinds of processes are made of, and how each may refuse to start."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from kagimori import key_policy
from kagimori.adapters.sql.connection import open_database
from kagimori.adapters.sql.database import Database, DatabaseRefused
from kagimori.adapters.sql.revision import is_current
from kagimori.adapters.vault import CanarySeed, Hsm, PartitionLogin, Sessions, VaultRefused
from kagimori.config import Config, HsmSection, PinSource
from kagimori.domain.token import CustodyLabel, SealedSeed


class StartError(Exception):
    """The process must not start; the message says what to mend."""


class LoginRefused(StartError):
    """The HSM refused the PIN. Nobody tries it again before the configuration is mended."""


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what HSM or database refuse at the start into a `StartError`."""
    try:
        yield
    except (VaultRefused, DatabaseRefused) as refusal:
        if "CKR_PIN_" in str(refusal):
            # Whoever mends it should know that nothing will try the PIN meanwhile.
            raise LoginRefused(f"{refusal}; the PIN was tried once") from None
        raise StartError(str(refusal)) from None


@contextmanager
def opened_database(config: Config) -> Iterator[Database]:
    """Open the database, whose schema must be current; close it with the block."""
    url, password = config.database.url, config.database.secret()
    with refusals():
        if not is_current(url, password):
            raise StartError("the database's schema is not current: run `kagimori database`")
        database = open_database(url, password)
    try:
        yield database
    finally:
        database.close()


def hsm_of(section: HsmSection) -> Hsm:
    """Return how to open the HSM for every tenant with keys; raise `StartError`."""
    if not section.module.is_file():
        raise StartError(f"hsm.module: no such file: {section.module}")
    try:
        provider = key_policy.provider(section.provider)
    except KeyError:
        known = ", ".join(key_policy.provider_names())
        raise StartError(f"hsm.provider: must be one of {known}") from None
    # The module reads its environment when it is loaded, which is after this.
    os.environ.update(section.environment)
    return Hsm(
        module=str(section.module),
        provider=provider,
        serving=login_of(section.partition, section.pin),
        canaries=_canaries(section.ceremony_record, provider.wrap_format),
    )


@contextmanager
def turn_at_the_door(section: HsmSection) -> Iterator[None]:
    """Let one process of this authority open the HSM at a time.

    A file-backed module writes to its partition at every login, and a process
    that starts just then finds half of it; a PIN is not tried twice for that.
    """
    with section.ceremony_record.open("rb") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


def login_of(label: str, pin: PinSource) -> PartitionLogin:
    """Return where to log in, and with which PIN."""
    return PartitionLogin(label, pin.read(f"partition {label}").get_secret_value())


def sessions_of(section: HsmSection) -> Sessions:
    """Return how a serving process uses the HSM."""
    return Sessions(
        section.sessions, section.wait_seconds, section.cache_entries, section.cache_seconds
    )


def keyed_tenants(record: Path) -> frozenset[str]:
    """Return the service IDs that a ceremony's record has keys for; raise `StartError`."""
    return frozenset(canary.tenant for canary in _canaries(record, wrap_format=""))


def _canaries(record: Path, wrap_format: str) -> Sequence[CanarySeed]:
    try:
        entries = json.loads(record.read_text(encoding="utf-8"))["canaries"]
        canaries = {entry["tenant"]: _canary(entry, wrap_format) for entry in entries}
    except OSError as error:
        raise StartError(f"hsm.ceremony_record: {error.strerror}: {record}") from None
    except (ValueError, KeyError, TypeError):
        raise StartError(f"hsm.ceremony_record: not a ceremony's record: {record}") from None
    # A tenant that is applied later is served at once: its keys are open already.
    return list(canaries.values())


def _canary(entry: Mapping[str, str | int], wrap_format: str) -> CanarySeed:
    blob = bytes.fromhex(str(entry["blob"]))
    sealed = SealedSeed(
        blob=blob,
        wrap_format=wrap_format,
        key_version=int(entry["key_version"]),
        length=len(blob) - 8,  # the wrap adds one 64-bit block (RFC 5649 §3)
        custody=CustodyLabel.GENERATED_IN_HSM,
    )
    challenge, response = (bytes.fromhex(str(entry[key])) for key in ("challenge", "response"))
    return CanarySeed(str(entry["tenant"]), sealed, challenge, response)
