# SPDX-License-Identifier: Apache-2.0
"""The rules of the tenants that are served, which change while they are."""

from __future__ import annotations

from collections.abc import Mapping

from kagimori.domain.errors import NotIdentified, NotOffered
from kagimori.domain.tenant import Registration, TenantPolicy

Policies = Mapping[str, TenantPolicy]
"""By service ID. Who holds it reads it anew for each call."""


def policy_of(policies: Policies, tenant: str) -> TenantPolicy:
    """Return the tenant's rules; raise `NotIdentified` if it is served no more."""
    policy = policies.get(tenant)
    if policy is None:
        raise NotIdentified
    return policy


def registration_of(policy: TenantPolicy) -> Registration:
    """Return the rules for tokens by serial number; raise `NotOffered` where there are none."""
    if policy.registration is None:
        raise NotOffered("registering tokens by their serial numbers")
    return policy.registration
