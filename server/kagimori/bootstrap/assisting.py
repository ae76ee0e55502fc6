# SPDX-License-Identifier: Apache-2.0
"""What a bank's staff may only do in twos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kagimori.adapters.sql.database import Database
from kagimori.adapters.sql.enrollment.proposals import SqlProposals
from kagimori.adapters.vault import HsmVault
from kagimori.application.assistance.decide import ApproveReplacement, RejectReplacement
from kagimori.application.assistance.listing import ListReplacements
from kagimori.application.assistance.propose import ProposeReplacement
from kagimori.domain.tenant import TenantPolicy


@dataclass(frozen=True, slots=True)
class Assistance:
    """交換 without a code of the old token."""

    propose: ProposeReplacement
    approve: ApproveReplacement
    reject: RejectReplacement
    listing: ListReplacements


def assistance(
    database: Database, vault: HsmVault, tenants: Mapping[str, TenantPolicy]
) -> Assistance:
    """Return it, over one database, by the rules in force."""
    proposals = SqlProposals(database)
    return Assistance(
        ProposeReplacement(proposals, vault, tenants),
        ApproveReplacement(proposals, vault, tenants),
        RejectReplacement(proposals, tenants),
        ListReplacements(proposals, tenants),
    )
