# SPDX-License-Identifier: Apache-2.0
"""The bank's own customer numbers, as they are kept."""

from __future__ import annotations

from typing import Final, Protocol

from kagimori.domain.tenant import SubscriberNames, TenantPolicy

# No other message of the tenant's that is digested begins so.
_PREFIX: Final = b"name "


class Fingerprints(Protocol):
    """Whatever makes digests under a key of the tenant's."""

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        """Return a 32-byte digest of ``message``."""
        ...


def kept_name(digests: Fingerprints, policy: TenantPolicy, subscriber_ref: str) -> str:
    """Return what stands for ``subscriber_ref`` in the database, 64 characters at most.

    Where the tenant wants that, it is a keyed digest in hexadecimal (FIPS 198-1):
    who has the database alone cannot tell the number, and cannot try numbers.
    """
    if policy.subscriber_names is SubscriberNames.PLAIN:
        return subscriber_ref
    return digest_of(digests, policy.service_id, subscriber_ref)


def digest_of(digests: Fingerprints, tenant: str, subscriber_ref: str) -> str:
    """Return what stands for ``subscriber_ref`` where it is kept as an HMAC."""
    return digests.fingerprint(tenant, _PREFIX + subscriber_ref.encode()).hex()
