# SPDX-License-Identifier: Apache-2.0
"""The serving process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kagimori.adapters.argon2 import Argon2id
from kagimori.adapters.machine import BusyShare
from kagimori.adapters.sql.database import Database
from kagimori.adapters.sql.enrollment.enrollments import SqlEnrollmentStore
from kagimori.adapters.sql.serving import serving_turn
from kagimori.adapters.sql.tenants import SqlTenants
from kagimori.adapters.sql.verification.store import SqlVerificationStore
from kagimori.adapters.vault import HsmVault
from kagimori.application.deliveries.receive import ReceiveDelivery
from kagimori.application.enrollment.passwords import Passwords
from kagimori.application.enrollment.requirement import GetOtpRequirement
from kagimori.application.verification.engine import Bounds, Engine
from kagimori.application.verification.verify import VerifyOtp
from kagimori.bootstrap.assisting import Assistance, assistance
from kagimori.bootstrap.enrolling import EnrollmentDesk, enrollment_desk
from kagimori.bootstrap.importing import receiving
from kagimori.bootstrap.parts import (
    hsm_of,
    opened_database,
    sessions_of,
    turn_at_the_door,
)
from kagimori.bootstrap.record import keyed_tenants
from kagimori.bootstrap.refusals import refusals
from kagimori.bootstrap.signing import SigningDesk, signing_desk
from kagimori.bootstrap.tenants import LiveTenants
from kagimori.config import Config, ServerSection
from kagimori.domain.tenant import TenantPolicy


@dataclass(frozen=True, slots=True)
class Authority:
    """What a serving process is made of. ``policies`` is by service ID.

    ``verify`` works while ``engine`` is entered. ``policies`` are those in force
    as long as ``follow`` runs, on the event loop; it ends when it is cancelled.
    """

    engine: Engine
    verify: VerifyOtp
    require: GetOtpRequirement
    enrollment: EnrollmentDesk
    vault: HsmVault
    store: SqlVerificationStore
    policies: Mapping[str, TenantPolicy]
    follow: Callable[[], Coroutine[Any, Any, None]]
    receive: ReceiveDelivery
    assistance: Assistance
    signing: SigningDesk


@contextmanager
def serving(config: Config) -> Iterator[Authority]:
    """Open everything a server needs; close it when the block is left.

    Raises `ConfigError` or `StartError`. The HSM comes last: its PIN is tried
    once, and not at all if something else is missing.
    """
    with opened_database(config) as database, refusals(), serving_turn(config.database.url):
        tenants = LiveTenants(SqlTenants(database), keyed_tenants(config.hsm.ceremony_record))
        asyncio.run(tenants.begin())
        hsm = hsm_of(config.hsm)
        with turn_at_the_door(config.hsm):
            vault = HsmVault.open(hsm, sessions_of(config.hsm))
        hasher = Argon2id()
        try:
            yield _authority(config.server, database, vault, Passwords(vault, hasher), tenants)
        finally:
            hasher.close()
            vault.close()


def _authority(
    section: ServerSection,
    database: Database,
    vault: HsmVault,
    passwords: Passwords,
    tenants: LiveTenants,
) -> Authority:
    store, customers = SqlVerificationStore(database), SqlEnrollmentStore(database)
    engine = Engine(store, vault, _bounds(section), BusyShare())
    verify = VerifyOtp(engine, vault, tenants)
    return Authority(
        engine,
        verify,
        GetOtpRequirement(customers, vault, tenants),
        enrollment_desk(database, vault, passwords, tenants, verify),
        vault,
        store,
        tenants,
        tenants.follow,
        receiving(database, vault, tenants),
        assistance(database, vault, tenants),
        signing_desk(database, vault, tenants, verify),
    )


def _bounds(section: ServerSection) -> Bounds:
    return Bounds(section.queue, section.line, section.batch)
