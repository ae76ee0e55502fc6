# SPDX-License-Identifier: Apache-2.0
"""The provisioning process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from kagimori.adapters.argon2 import Argon2id
from kagimori.adapters.sql.provisioning.store import SqlProvisioningStore
from kagimori.adapters.sql.provisioning.unclaimed import SqlUnclaimedTokens
from kagimori.adapters.sql.tenants import SqlTenants
from kagimori.adapters.sql.tries import SqlTryLimits
from kagimori.adapters.vault import HsmVault
from kagimori.application.enrollment.passwords import Passwords
from kagimori.application.provisioning.keys import ProvisioningKeys
from kagimori.application.provisioning.provision import Limits, ProvisionIssuedToken
from kagimori.application.provisioning.provision_new import NewLimits, ProvisionNewToken
from kagimori.application.provisioning.wish import Means, NewMeans
from kagimori.bootstrap.parts import (
    hsm_of,
    opened_database,
    provider_of,
    sessions_of,
    turn_at_the_door,
)
from kagimori.bootstrap.record import keyed_tenants, provisioning_keys_of
from kagimori.bootstrap.refusals import StartError, refusals
from kagimori.bootstrap.tenants import LiveTenants, tenants_in_force
from kagimori.config import Config, HsmSection, ProvisioningSection
from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.token import Hash


@dataclass(frozen=True, slots=True)
class ProvisioningAuthority:
    """What a provisioning process is made of. ``policies`` is by service ID.

    They are those in force as long as ``follow`` runs, on the event loop; it ends
    when it is cancelled. ``digest`` is a keyed one, for peers' addresses.
    """

    provision: ProvisionIssuedToken
    provision_new: ProvisionNewToken
    keys: ProvisioningKeys
    policies: Mapping[str, TenantPolicy]
    follow: Callable[[], Coroutine[Any, Any, None]]
    digest: Callable[[bytes], bytes]
    vault: HsmVault
    store: SqlProvisioningStore

    async def finish(self) -> None:
        """Return when no set-up is under way any more, also of those that gave up."""
        await self.provision.finish()
        await self.provision_new.finish()


@contextmanager
def provisioning(config: Config) -> Iterator[ProvisioningAuthority]:
    """Open what the provisioning process needs; close it when the block is left.

    Raises `ConfigError` or `StartError`. It needs no turn at an SQLite file: it
    writes in short transactions. The HSM comes last: its PIN is tried once.
    """
    section = section_of(config)
    keys = provisioning_keys(config.hsm)
    with opened_database(config) as database, refusals():
        keyed = keyed_tenants(config.hsm.ceremony_record)
        tenants = LiveTenants(SqlTenants(database), keyed)
        asyncio.run(tenants.begin())
        hsm = hsm_of(config.hsm)
        with turn_at_the_door(config.hsm):
            vault = HsmVault.open(hsm, sessions_of(config.hsm))
        hasher = Argon2id()
        try:
            store, limits = SqlProvisioningStore(database), SqlTryLimits(database)
            means = Means(store, limits, Passwords(vault, hasher), vault, keys, tenants)
            use_cases = _use_cases(section, means, SqlUnclaimedTokens(database))
            # Any tenant's key does, if all processes take the same.
            digest = partial(vault.fingerprint, min(keyed))
            yield ProvisioningAuthority(
                *use_cases, keys, tenants, tenants.follow, digest, vault, store
            )
        finally:
            hasher.close()
            vault.close()


def _use_cases(
    section: ProvisioningSection, means: Means, unclaimed: SqlUnclaimedTokens
) -> tuple[ProvisionIssuedToken, ProvisionNewToken]:
    most = section.max_concurrent_rpcs
    limits = Limits(section.per_peer, section.per_service, most)
    new_limits = NewLimits(
        section.new_per_peer, section.new_per_service, section.unclaimed_per_service, most
    )
    new_means = NewMeans(unclaimed, means.limits, means.vault, means.keys, means.policies)
    return ProvisionIssuedToken(means, limits), ProvisionNewToken(new_means, new_limits)


def section_of(config: Config) -> ProvisioningSection:
    """Return how to listen; raise `StartError` if the file does not say it."""
    if config.provisioning is None:
        raise StartError("provisioning: the configuration has no such section")
    return config.provisioning


def provisioning_keys(section: HsmSection) -> ProvisioningKeys:
    """Return the public keys that a ceremony's record holds; raise `StartError`."""
    oaep_hash = Hash(provider_of(section).oaep_hash)
    return provisioning_keys_of(section.ceremony_record, oaep_hash)


@dataclass(frozen=True, slots=True)
class AppBank:
    """A bank as apps know it. ``pins`` are its keys', in hex, the newest first.

    ``registers`` is the name by which customers choose it in an app, where they
    register their tokens by serial number; else None.
    """

    name: str
    service_id: str
    pins: list[str]
    registers: str | None


def app_banks(config: Config) -> list[AppBank]:
    """Return the tenants in force, of either family. Raises `StartError`."""
    keys = provisioning_keys(config.hsm)
    return [
        AppBank(
            name,
            policy.service_id,
            [key.pin.hex() for key in keys.of(policy.service_id)],
            (policy.issuer or name) if policy.registration else None,
        )
        for name, policy in tenants_in_force(config).items()
    ]
