# SPDX-License-Identifier: Apache-2.0
"""The rules of the tenants that are served, which change while they are."""

from __future__ import annotations

from collections.abc import Mapping

from kagimori.domain.errors import NotIdentified
from kagimori.domain.tenant import TenantPolicy

Policies = Mapping[str, TenantPolicy]
"""By service ID. Who holds it reads it anew for each call."""


def policy_of(policies: Policies, tenant: str) -> TenantPolicy:
    """Return the tenant's rules; raise `NotIdentified` if it is served no more."""
    policy = policies.get(tenant)
    if policy is None:
        raise NotIdentified
    return policy
