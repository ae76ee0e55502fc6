# SPDX-License-Identifier: Apache-2.0
"""What a tenant's policy says of tokens that customers bring themselves."""

from __future__ import annotations

from kagimori.domain.errors import NotOffered
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import Registration, TenantPolicy, When


def offered(policy: TenantPolicy) -> Registration:
    """Return the tenant's rules, or raise `NotOffered` where it has none of these tokens."""
    if policy.registration is None:
        raise NotOffered("registering tokens by their serial numbers")
    return policy.registration


def leaves_logins_to_customers(policy: TenantPolicy) -> bool:
    """Return whether a customer says himself if his logins need a code."""
    return policy.operations.get(Operation.LOGIN) is When.BY_CHOICE
