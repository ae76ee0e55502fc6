# SPDX-License-Identifier: Apache-2.0
"""Wires one process together from its configuration, or says why it cannot."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kagimori import config as configuration
from kagimori import key_policy
from kagimori.adapters.machine import BusyShare
from kagimori.adapters.sql import migrations
from kagimori.adapters.sql.connection import open_database
from kagimori.adapters.sql.database import Database, DatabaseRefused
from kagimori.adapters.sql.inventory import SqlInventory
from kagimori.adapters.sql.serving import serving_turn
from kagimori.adapters.sql.verification import SqlVerificationStore
from kagimori.adapters.vault import (
    CanarySeed,
    Hsm,
    HsmImportVault,
    HsmVault,
    PartitionLogin,
    Sessions,
    VaultRefused,
)
from kagimori.application.verification.engine import Bounds, Engine
from kagimori.application.verification.verify import VerifyOtp
from kagimori.config import Config, HsmSection, ServerSection
from kagimori.domain.policy import TenantPolicy
from kagimori.domain.token import CustodyLabel, SealedSeed


class StartError(Exception):
    """The process must not start; the message says what to mend."""


class LoginRefused(StartError):
    """The HSM refused the PIN. Nobody tries it again before the configuration is mended."""


@dataclass(frozen=True, slots=True)
class Authority:
    """What a serving process is made of. ``policies`` is by service ID.

    ``verify`` works while ``engine`` is entered.
    """

    engine: Engine
    verify: VerifyOtp
    vault: HsmVault
    store: SqlVerificationStore
    policies: Mapping[str, TenantPolicy]


@dataclass(frozen=True, slots=True)
class ImportAuthority:
    """What an importing process is made of. ``tenants`` is by name."""

    vault: HsmImportVault
    inventory: SqlInventory
    tenants: Mapping[str, TenantPolicy]


@contextmanager
def serving(config: Config) -> Iterator[Authority]:
    """Open everything a server needs; close it when the block is left.

    Raises `ConfigError` or `StartError`. The HSM comes last: its PIN is tried
    once, and not at all if something else is missing.
    """
    policies = {
        policy.service_id: policy for policy in configuration.load_tenants(config.tenants).values()
    }
    with _database(config) as database, _refusals(), serving_turn(config.database.url):
        hsm = _hsm(config.hsm, policies)
        with _turn_at_the_door(config.hsm):
            vault = HsmVault.open(hsm, _sessions(config.hsm))
        try:
            store = SqlVerificationStore(database)
            engine = Engine(store, vault, _bounds(config.server), BusyShare())
            verify = VerifyOtp(engine, vault, policies)
            yield Authority(engine, verify, vault, store, policies)
        finally:
            vault.close()


@contextmanager
def importing(config: Config, *, allow_host_transient: bool) -> Iterator[ImportAuthority]:
    """Open what the importing process needs; close it when the block is left."""
    tenants = configuration.load_tenants(config.tenants)
    with _database(config) as database, _refusals():
        hsm = _hsm(config.hsm, {policy.service_id: policy for policy in tenants.values()})
        partition = _import_partition(config.hsm) if allow_host_transient else None
        with _turn_at_the_door(config.hsm):
            vault = HsmImportVault.open(hsm, partition, allow_host_transient=allow_host_transient)
        try:
            yield ImportAuthority(vault, SqlInventory(database), tenants)
        finally:
            vault.close()


def migrate(config: Config) -> str:
    """Create the database or bring it up to date; return its revision."""
    with _refusals():
        return migrations.upgrade(config.database.url, config.database.secret())


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (VaultRefused, DatabaseRefused) as refusal:
        if "CKR_PIN_" in str(refusal):
            # Whoever mends it should know that nothing will try the PIN meanwhile.
            raise LoginRefused(f"{refusal}; the PIN was tried once") from None
        raise StartError(str(refusal)) from None


@contextmanager
def _database(config: Config) -> Iterator[Database]:
    url, password = config.database.url, config.database.secret()
    with _refusals():
        if not migrations.is_current(url, password):
            raise StartError("the database's schema is not current: run `kagimori database`")
        database = open_database(url, password)
    try:
        yield database
    finally:
        database.close()


def _hsm(section: HsmSection, tenants: Mapping[str, TenantPolicy]) -> Hsm:
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
        serving=_login(section.partition, section.pin),
        canaries=_canaries(section.ceremony_record, tenants, provider.wrap_format),
    )


@contextmanager
def _turn_at_the_door(section: HsmSection) -> Iterator[None]:
    """Let one process of this authority open the HSM at a time.

    A file-backed module writes to its partition at every login, and a process
    that starts just then finds half of it; a PIN is not tried twice for that.
    """
    with section.ceremony_record.open("rb") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


def _bounds(section: ServerSection) -> Bounds:
    return Bounds(section.queue, section.line, section.batch)


def _import_partition(section: HsmSection) -> PartitionLogin:
    if section.importing is None:
        raise StartError("hsm.importing: needed for seeds that the host must open")
    return _login(section.importing.partition, section.importing.pin)


def _login(label: str, pin: configuration.PinSource) -> PartitionLogin:
    return PartitionLogin(label, pin.read(f"partition {label}").get_secret_value())


def _sessions(section: HsmSection) -> Sessions:
    return Sessions(
        section.sessions, section.wait_seconds, section.cache_entries, section.cache_seconds
    )


def _canaries(
    record: Path, tenants: Mapping[str, TenantPolicy], wrap_format: str
) -> Sequence[CanarySeed]:
    try:
        entries = json.loads(record.read_text(encoding="utf-8"))["canaries"]
        canaries = {entry["tenant"]: _canary(entry, wrap_format) for entry in entries}
    except OSError as error:
        raise StartError(f"hsm.ceremony_record: {error.strerror}: {record}") from None
    except (ValueError, KeyError, TypeError):
        raise StartError(f"hsm.ceremony_record: not a ceremony's record: {record}") from None
    missing = sorted(set(tenants) - set(canaries))
    if missing:
        raise StartError(f"the ceremony made no keys for {', '.join(missing)}")
    return [canaries[service_id] for service_id in tenants]


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
