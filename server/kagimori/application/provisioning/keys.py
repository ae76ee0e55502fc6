# SPDX-License-Identifier: Apache-2.0
"""The public halves of the keys that open envelopes inside the HSM."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from kagimori.domain.errors import EnvelopeRefused, InvalidField, NotOffered
from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.token import Hash
from kagimori.domain.value import value

PIN_OCTETS: Final = 32
DOES_NOT_OPEN: Final = "does not open under the key"


@value(frozen=True, slots=True)
class ProvisioningKey:
    """An RSA key of a tenant's. ``public_key`` is its SubjectPublicKeyInfo in DER."""

    tenant: str
    version: int
    public_key: bytes
    modulus: int
    oaep_hash: Hash

    @property
    def pin(self) -> bytes:
        """Return what an app pins: SHA-256 of the SubjectPublicKeyInfo."""
        return hashlib.sha256(self.public_key).digest()

    @property
    def octets(self) -> int:
        """Return how long an envelope is (RFC 8017 §7.1.1: as long as the modulus)."""
        return (self.modulus.bit_length() + 7) // 8

    def check(self, field: str, envelope: bytes) -> None:
        """Raise the error that says why this cannot be an envelope under this key.

        `InvalidField` for a wrong length. A number that is not below the modulus is
        none either (RFC 8017 §5.1.2): it could be an envelope that was used before,
        with the modulus added.
        """
        if len(envelope) != self.octets:
            raise InvalidField(field, f"must be {self.octets} octets, as long as the key's modulus")
        if int.from_bytes(envelope) >= self.modulus:
            raise EnvelopeRefused(field, DOES_NOT_OPEN)


class ProvisioningKeys:
    """All keys of a ceremony's record. Older versions stay in use."""

    def __init__(self, keys: Iterable[ProvisioningKey]) -> None:
        """Take the keys of any number of tenants, in any order."""
        newest_first = sorted(keys, key=lambda key: key.version, reverse=True)
        self._keys: dict[str, list[ProvisioningKey]] = {}
        for key in newest_first:
            self._keys.setdefault(key.tenant, []).append(key)

    def of(self, tenant: str) -> list[ProvisioningKey]:
        """Return the tenant's keys, newest first; raise `NotOffered` if there are none."""
        keys = self._keys.get(tenant)
        if not keys:
            raise NotOffered("there is no key that seeds can be sealed to")
        return keys

    def pinned(self, tenant: str, pin: bytes) -> ProvisioningKey:
        """Return the tenant's key with this ``pin``, or raise the error that says why not."""
        if len(pin) != PIN_OCTETS:
            raise InvalidField("key_pin", f"must be {PIN_OCTETS} octets: a SHA-256 digest")
        for key in self.of(tenant):
            if key.pin == pin:
                return key
        raise EnvelopeRefused("key_pin", "is no key of this service")


def policy_of(policies: Mapping[str, TenantPolicy], service_id: str) -> TenantPolicy:
    """Return the rules of the bank that an app names, or raise `InvalidField`."""
    try:
        return policies[service_id]
    except KeyError:
        raise InvalidField("service_id", "is not known here") from None
