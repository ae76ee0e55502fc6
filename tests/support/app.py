# SPDX-License-Identifier: Apache-2.0
"""A token app of tests, and an HSM in software that opens its envelopes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from kagimori.application.provisioning.keys import ProvisioningKey, ProvisioningKeys
from kagimori.application.provisioning.ports import EnvelopeUnfit
from kagimori.application.provisioning.wish import SetUp
from kagimori.domain.enrollment import ActivationPassword
from kagimori.domain.errors import HsmUnavailable
from kagimori.domain.token import CustodyLabel, Hash, SealedSeed, TokenIdentity
from support.enrolments import TENANT, USER

PASSWORD = "13579"
SEED_OCTETS = 64
_OAEP = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - what the HSM offers


@cache
def private_key(_tenant: str, _version: int = 1) -> RSAPrivateKey:
    """Return a tenant's key of that version: one for the whole run."""
    return rsa.generate_private_key(65537, 2048)


def public_key(tenant: str = TENANT, version: int = 1) -> ProvisioningKey:
    key = private_key(tenant, version).public_key()
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
    return key.encrypt(seed, _OAEP)


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


@dataclass
class SoftwareHsm:
    """An `EnvelopeVault` whose keys are no secret. It counts what it computes.

    ``opened`` are the seeds under their blobs; while ``down`` names a method, that
    method fails.
    """

    passwords: int = 0
    opened: dict[bytes, bytes] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)

    async def password_mac(
        self,
        tenant: str,
        message: bytes,
        key_version: int | None = None,  # noqa: ARG002 - there is one
    ) -> tuple[bytes, int]:
        self._answer("password_mac")
        self.passwords += 1
        return hmac.digest(f"password key of {tenant}".encode(), message, "sha256"), 1

    async def seal_envelopes(
        self,
        tenant: str,
        key_version: int,
        envelopes: Sequence[bytes],
        use: Hash,  # noqa: ARG002 - a seed of 64 octets is good for all
    ) -> list[SealedSeed]:
        self._answer("seal_envelopes")
        return [
            self._sealed(tenant, key_version, index, each) for index, each in enumerate(envelopes)
        ]

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        self._answer("row_macs")
        return [
            hmac.digest(b"row key", repr(astuple(identity)).encode(), "sha256")
            for identity in identities
        ]

    def _answer(self, method: str) -> None:
        if method in self.down:
            raise HsmUnavailable("the HSM gave no result", 0.5)

    def _sealed(self, tenant: str, version: int, index: int, envelope: bytes) -> SealedSeed:
        try:
            seed = private_key(tenant, version).decrypt(envelope, _OAEP)
        except ValueError:
            raise EnvelopeUnfit(index, "it does not open") from None
        if len(seed) != SEED_OCTETS:
            raise EnvelopeUnfit(index, "it is no seed")
        blob = hashlib.sha256(seed).digest()
        self.opened[blob] = seed
        return SealedSeed(blob, "RFC5649", 1, len(seed), CustodyLabel.SEALED_BY_APP)
