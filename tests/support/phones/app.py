# SPDX-License-Identifier: Apache-2.0
"""A token app of tests, and the fake vault with counters for what it is asked."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from fakes.vault import FakeVault, provisioning_key
from kagimori.application.provisioning.keys import ProvisioningKey, ProvisioningKeys
from kagimori.application.provisioning.wish import NewSetUp, SetUp
from kagimori.domain.enrollment import ActivationPassword
from kagimori.domain.errors import HsmUnavailable
from kagimori.domain.token import Hash, SealedSeed, TokenIdentity
from support.databases.enrolments import TENANT, USER
from support.phones.envelopes import OAEP_SHA1

PASSWORD = "13579"
SEED_OCTETS = 64
_BLOB_OCTETS = 32


def public_key(tenant: str = TENANT, version: int = 1) -> ProvisioningKey:
    key = provisioning_key(tenant, version).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return ProvisioningKey(tenant, version, der, key.public_numbers().n, Hash.SHA1)


def key_ring(*tenants: str, versions: Sequence[int] = (1,)) -> ProvisioningKeys:
    return ProvisioningKeys(
        public_key(tenant, version) for tenant in tenants for version in versions
    )


def sealed_to(public: bytes, seed: bytes) -> bytes:
    """Seal ``seed`` to a SubjectPublicKeyInfo in DER, as an app does."""
    key = load_der_public_key(public)
    assert isinstance(key, RSAPublicKey)
    return key.encrypt(seed, OAEP_SHA1)


@dataclass
class App:
    """A phone: it draws two seeds and seals them to the key that it pins."""

    key: ProvisioningKey = field(default_factory=public_key)
    login_seed: bytes = field(default_factory=lambda: secrets.token_bytes(SEED_OCTETS))
    signing_seed: bytes = field(default_factory=lambda: secrets.token_bytes(SEED_OCTETS))

    def __post_init__(self) -> None:
        self.login_envelope = sealed_to(self.key.public_key, self.login_seed)
        self.signing_envelope = sealed_to(self.key.public_key, self.signing_seed)

    def asks(self, password: str = PASSWORD, **changed: Any) -> SetUp:  # noqa: ANN401 - of SetUp
        fields: dict[str, Any] = {
            "service_id": TENANT,
            "user_id": USER,
            "password": ActivationPassword(password),
            "key_pin": self.key.pin,
            "login_envelope": self.login_envelope,
            "signing_envelope": self.signing_envelope,
            "peer": "somewhere",
            **changed,
        }
        return SetUp(**fields)

    def asks_anew(self, **changed: Any) -> NewSetUp:  # noqa: ANN401 - of NewSetUp
        """Ask for a token of the key's own bank before any customer is known."""
        fields: dict[str, Any] = {
            "service_id": self.key.tenant,
            "key_pin": self.key.pin,
            "login_envelope": self.login_envelope,
            "signing_envelope": self.signing_envelope,
            "peer": "somewhere",
            **changed,
        }
        return NewSetUp(**fields)


@dataclass
class CountingVault(FakeVault):
    """The fake vault, which counts passwords; a method that ``down`` names fails."""

    passwords: int = 0
    sealings: int = 0
    down: set[str] = field(default_factory=set)

    @property
    def opened(self) -> dict[bytes, bytes]:
        """Return the seeds that were sealed, under their blobs."""
        return {name[-_BLOB_OCTETS:]: seed for name, seed in self._seeds.items()}

    async def password_mac(
        self, tenant: str, message: bytes, key_version: int | None = None
    ) -> tuple[bytes, int]:
        self._fail_if_down("password_mac")
        self.passwords += 1
        return await FakeVault.password_mac(self, tenant, message, key_version)

    async def seal_envelopes(
        self, tenant: str, key_version: int, envelopes: Sequence[bytes], use: Hash
    ) -> list[SealedSeed]:
        self._fail_if_down("seal_envelopes")
        self.sealings += 1
        return await FakeVault.seal_envelopes(self, tenant, key_version, envelopes, use)

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        self._fail_if_down("row_macs")
        return await FakeVault.row_macs(self, identities)

    def _fail_if_down(self, method: str) -> None:
        if method in self.down:
            raise HsmUnavailable("the HSM gave no result", 0.5)
