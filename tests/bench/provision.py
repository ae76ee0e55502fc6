# SPDX-License-Identifier: Apache-2.0
"""Phones set up, beside the bare PKCS#11 calls that their envelopes take in one session.

The use case works in this process on SQLite, and every set-up is written down as
in a server. Only Argon2id is left out: it is slow on purpose, and little else
would show beside it. Before a round begins its tokens are issued and its
envelopes sealed.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from asyncio import Runner, TaskGroup
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from bench import order, rust
from bench.figure import Figure, by_turns
from bench.ground import HOT_TOKENS, Ground
from kagimori import config
from kagimori.adapters.sql.enrollment.enrollments import SqlEnrollmentStore
from kagimori.adapters.sql.provisioning.store import SqlProvisioningStore
from kagimori.adapters.sql.tries import SqlTryLimits
from kagimori.adapters.vault import HsmVault
from kagimori.application.enrollment.issue import IssueOrder, IssueSoftwareToken
from kagimori.application.enrollment.passwords import Passwords
from kagimori.application.provisioning.keys import ProvisioningKey
from kagimori.application.provisioning.provision import Limits, ProvisionIssuedToken
from kagimori.application.provisioning.wish import Means, SetUp
from kagimori.application.verification.verify import Caller
from kagimori.bootstrap.parts import hsm_of, opened_database, sessions_of, turn_at_the_door
from kagimori.bootstrap.provisioning import provisioning_keys
from kagimori.bootstrap.tenants import tenants_in_force
from kagimori.config import Config
from kagimori.domain.enrollment import ActivationPassword
from support.databases.enrolments import ADDRESS, TENANT
from support.phones.envelopes import OAEP_SHA1

IN_FLIGHT: Final = 32

_A_SECOND: Final = 80
"""Set-ups in a round, for each second that it should last."""
_LIMITS: Final = Limits(per_peer=10**9, per_service=10**9, under_way=IN_FLIGHT)
_PASSWORD: Final = ActivationPassword("4711")
_ENVELOPES: Final = 2
_SEED: Final = 64


def measure(ground: Ground) -> Figure:
    """Return phones set up per second, and as many as the bare calls would do."""
    program = rust.build("kagimori-hsm", "provision")
    settings = config.load(ground.place("provision", HOT_TOKENS, {}).config)
    set_ups = int(ground.rounds.seconds * _A_SECOND)
    ordered = _order(settings, ground.rounds.milliseconds)
    with (
        _centre(settings) as centre,
        rust.rounds_of(program, ordered, turn_at_the_door(settings.hsm)) as bare_rate,
        Runner() as runner,
    ):
        note = f"the use case has {settings.hsm.sessions}"
        return by_turns(ground.rounds, lambda: runner.run(centre.rate(set_ups)), bare_rate, note)


@dataclass(frozen=True, slots=True)
class _Centre:
    """What issues tokens, and what sets phones up."""

    issue: IssueSoftwareToken
    provision: ProvisionIssuedToken
    phones: _Phones

    async def rate(self, set_ups: int) -> float:
        """Issue so many tokens; return how many phones per second are set up then."""
        user_ids = await asyncio.gather(*(self._user_id() for _ in range(set_ups)))
        waiting = iter([self.phones.set_up(user_id) for user_id in user_ids])

        async def phone_after_phone() -> None:
            for one in waiting:
                await self.provision(one)

        begun = time.perf_counter()
        async with TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(phone_after_phone())
        return set_ups / (time.perf_counter() - begun)

    async def _user_id(self) -> str:
        """Issue a token to somebody new."""
        wish = IssueOrder(str(uuid4()), f"customer-{uuid4().hex}", ADDRESS, _PASSWORD)
        standing = await self.issue(Caller(TENANT, "bench"), wish)
        assert standing.user_id is not None
        return standing.user_id


class _Phones:
    """Draws seeds and seals them to one key, as phones do."""

    def __init__(self, key: ProvisioningKey) -> None:
        public = load_der_public_key(key.public_key)
        assert isinstance(public, RSAPublicKey)
        self.key, self._public = key, public

    def envelope(self) -> bytes:
        return self._public.encrypt(secrets.token_bytes(_SEED), OAEP_SHA1)

    def set_up(self, user_id: str) -> SetUp:
        """Return what the phone of that customer sends, from an address of its own."""
        pin, login, signing = self.key.pin, self.envelope(), self.envelope()
        return SetUp(TENANT, user_id, _PASSWORD, pin, login, signing, peer=user_id)


class _Digest:
    """A `PasswordHash` that costs nothing."""

    decoy: Final = ""

    async def hashed(self, mac: bytes) -> str:
        return hashlib.sha256(mac).hexdigest()

    async def matches(self, hashed: str, mac: bytes) -> bool:
        return hashed == await self.hashed(mac)


@contextmanager
def _centre(settings: Config) -> Iterator[_Centre]:
    """Open what the serving and the provisioning process have between them."""
    policies = {policy.service_id: policy for policy in tenants_in_force(settings).values()}
    keys = provisioning_keys(settings.hsm)
    with opened_database(settings) as database, _vault(settings) as vault:
        passwords = Passwords(vault, _Digest())
        store, tries = SqlProvisioningStore(database), SqlTryLimits(database)
        means = Means(store, tries, passwords, vault, keys, policies)
        yield _Centre(
            IssueSoftwareToken(SqlEnrollmentStore(database), vault, passwords, policies),
            ProvisionIssuedToken(means, _LIMITS),
            _Phones(keys.of(TENANT)[0]),
        )


@contextmanager
def _vault(settings: Config) -> Iterator[HsmVault]:
    with turn_at_the_door(settings.hsm):
        vault = HsmVault.open(hsm_of(settings.hsm), sessions_of(settings.hsm))
    try:
        yield vault
    finally:
        vault.close()


def _order(settings: Config, round_ms: int) -> str:
    """Return what the program reads first: where the HSM is, and a phone's envelopes."""
    hsm = hsm_of(settings.hsm)
    phones = _Phones(provisioning_keys(settings.hsm).of(TENANT)[0])
    canary = order.canary_of(hsm, TENANT)
    phone = {
        "tenant": TENANT,
        "key_version": phones.key.version,
        "wrap_format": hsm.provider.wrap_format,
        "envelopes": [list(phones.envelope()) for _ in range(_ENVELOPES)],
    }
    tables = {"canary": order.versioned_canary_table(canary), "phone": phone}
    return order.of(hsm, {"round_ms": round_ms}, tables)
