# SPDX-License-Identifier: Apache-2.0
"""A use case over a real database, real Argon2id, and an HSM in software."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from kagimori.adapters.argon2 import Argon2Cost, Argon2id
from kagimori.adapters.sql.provisioning.store import SqlProvisioningStore
from kagimori.adapters.sql.provisioning.unclaimed import SqlUnclaimedTokens
from kagimori.adapters.sql.tries import SqlTryLimits
from kagimori.application.enrollment.passwords import Passwords
from kagimori.application.provisioning.provision import Limits, ProvisionIssuedToken
from kagimori.application.provisioning.provision_new import NewLimits, ProvisionNewToken
from kagimori.application.provisioning.wish import (
    Done,
    DoneNew,
    Means,
    NewMeans,
    NewSetUp,
    SetUp,
)
from kagimori.domain.enrollment import ActivationPassword
from kagimori.domain.tenant import Registration, SoftwareTokens, TenantPolicy
from support.databases.database import AnyDatabase
from support.databases.enrolments import TENANT, USER, write_enrolment
from support.phones.app import PASSWORD, CountingVault, key_ring
from support.tokens import OTHER_TENANT
from support.waiting import waited

AGES = 1 << 50
PLENTY = Limits(per_peer=10_000, per_service=10_000, under_way=10_000)
PLENTY_NEW = NewLimits(10_000, 10_000, 10_000, 10_000, count_every=0.0)
POLICY = TenantPolicy(
    "kumamoto",
    TENANT,
    ZoneInfo("Asia/Tokyo"),
    issuer="熊本県信用組合",
    tokens=SoftwareTokens(digits=8, period=60, transaction_signing=True),
)
FAMILY_B = TenantPolicy(
    "kakeshin",
    OTHER_TENANT,
    ZoneInfo("Asia/Tokyo"),
    issuer="かけしん",
    tokens=SoftwareTokens(digits=6, period=30),
    registration=Registration(),
)


class CountingHash(Argon2id):
    """Argon2id at little cost; ``checked`` are the hashes that were looked at."""

    def __init__(self) -> None:
        super().__init__(Argon2Cost(memory=64, passes=1))
        self.checked: list[str] = []

    async def matches(self, hashed: str, mac: bytes) -> bool:
        self.checked.append(hashed)
        return await super().matches(hashed, mac)


@dataclass
class Scene:
    """One customer whose token was issued, and the process that sets apps up."""

    database: AnyDatabase
    hsm: CountingVault = field(default_factory=CountingVault)
    hasher: CountingHash = field(default_factory=CountingHash)

    def __post_init__(self) -> None:
        self.policies = {
            TENANT: POLICY,
            OTHER_TENANT: FAMILY_B,
        }
        self.keys = key_ring(TENANT, OTHER_TENANT)
        self.passwords = Passwords(self.hsm, self.hasher)
        self.provision = self.another(PLENTY)
        self.provision_new = self.another_new(PLENTY_NEW)

    def another(self, limits: Limits) -> ProvisionIssuedToken:
        """Return the use case of another process on the same database."""
        opened = self.database.open()
        store, tries = SqlProvisioningStore(opened), SqlTryLimits(opened, AGES)
        means = Means(store, tries, self.passwords, self.hsm, self.keys, self.policies)
        return ProvisionIssuedToken(means, limits)

    def another_new(self, limits: NewLimits) -> ProvisionNewToken:
        """Return the use case of tokens without customers, of another process."""
        opened = self.database.open()
        store, tries = SqlUnclaimedTokens(opened), SqlTryLimits(opened, AGES)
        return ProvisionNewToken(NewMeans(store, tries, self.hsm, self.keys, self.policies), limits)

    def issue(self, password: str = PASSWORD, **changed: Any) -> None:  # noqa: ANN401 - columns
        """Issue a token to a customer."""
        tenant, user_id = changed.get("tenant", TENANT), changed.get("user_id", USER)
        sealed = waited(self.passwords.sealed(tenant, user_id, ActivationPassword(password)))
        hidden = {"password_hash": sealed.hash, "password_key_version": sealed.key_version}
        write_enrolment(self.database, **{**hidden, **changed})
        self.hsm.passwords = 0

    def ask(self, asked: SetUp) -> Done:
        return waited(self.provision(asked))

    def make(self, asked: NewSetUp) -> DoneNew:
        return waited(self.provision_new(asked))
