# SPDX-License-Identifier: Apache-2.0
"""Whether a bank has exchanges at all."""

from __future__ import annotations

from kagimori.application.policies import Policies, policy_of, registration_of
from kagimori.domain.tenant import Registration, TenantPolicy


def offered(policies: Policies, tenant: str) -> tuple[TenantPolicy, Registration]:
    """Return the tenant's rules, and those for exchanges; raise `NotOffered`."""
    policy = policy_of(policies, tenant)
    return policy, registration_of(policy)
