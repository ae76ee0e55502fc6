# SPDX-License-Identifier: Apache-2.0
"""What a tenant's rules say of signatures."""

from __future__ import annotations

from kagimori.domain.errors import NotOffered
from kagimori.domain.tenant import Signing, TenantPolicy
from kagimori.domain.transaction import SigningProfile


def signing_of(policy: TenantPolicy) -> Signing:
    """Return the rules for signatures; raise `NotOffered` where there are none."""
    if not policy.tokens.transaction_signing:
        raise NotOffered("signing transactions")
    return policy.signing


def require_profile(signing: Signing, profile: SigningProfile) -> None:
    """Raise `NotOffered` for a profile that the tenant does not have."""
    if profile not in signing.profiles:
        raise NotOffered(f"signing what is {profile.lower()}")
