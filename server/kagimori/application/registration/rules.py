# SPDX-License-Identifier: Apache-2.0
"""What a tenant's policy says of tokens that customers bring themselves."""

from __future__ import annotations

from kagimori.domain.policy import Operation
from kagimori.domain.tenant import TenantPolicy, When


def leaves_logins_to_customers(policy: TenantPolicy) -> bool:
    """Return whether a customer says himself if his logins need a code."""
    return policy.operations.get(Operation.LOGIN) is When.BY_CHOICE
