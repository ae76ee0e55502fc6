# SPDX-License-Identifier: Apache-2.0
"""The serving process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from kagimori import config as configuration
from kagimori.adapters.machine import BusyShare
from kagimori.adapters.sql.serving import serving_turn
from kagimori.adapters.sql.verification import SqlVerificationStore
from kagimori.adapters.vault import HsmVault
from kagimori.application.verification.engine import Bounds, Engine
from kagimori.application.verification.verify import VerifyOtp
from kagimori.bootstrap.parts import (
    hsm_of,
    opened_database,
    refusals,
    sessions_of,
    turn_at_the_door,
)
from kagimori.config import Config, ServerSection
from kagimori.domain.tenant import TenantPolicy


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


@contextmanager
def serving(config: Config) -> Iterator[Authority]:
    """Open everything a server needs; close it when the block is left.

    Raises `ConfigError` or `StartError`. The HSM comes last: its PIN is tried
    once, and not at all if something else is missing.
    """
    policies = {
        policy.service_id: policy for policy in configuration.load_tenants(config.tenants).values()
    }
    with opened_database(config) as database, refusals(), serving_turn(config.database.url):
        hsm = hsm_of(config.hsm, policies)
        with turn_at_the_door(config.hsm):
            vault = HsmVault.open(hsm, sessions_of(config.hsm))
        try:
            store = SqlVerificationStore(database)
            engine = Engine(store, vault, _bounds(config.server), BusyShare())
            verify = VerifyOtp(engine, vault, policies)
            yield Authority(engine, verify, vault, store, policies)
        finally:
            vault.close()


def _bounds(section: ServerSection) -> Bounds:
    return Bounds(section.queue, section.line, section.batch)
