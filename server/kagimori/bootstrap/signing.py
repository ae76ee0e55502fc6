# SPDX-License-Identifier: Apache-2.0
"""What a bank's page asks about transfers that customers sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kagimori.adapters.sql.database import Database
from kagimori.adapters.sql.enrollment.challenges import SqlChallenges
from kagimori.adapters.vault import HsmVault
from kagimori.application.signing.create import CreateTransactionChallenge
from kagimori.application.signing.verify import VerifyTransaction
from kagimori.application.verification.verify import VerifyOtp
from kagimori.domain.tenant import TenantPolicy


@dataclass(frozen=True, slots=True)
class SigningDesk:
    """Challenges about transactions, and the codes that answer them."""

    challenge: CreateTransactionChallenge
    verify: VerifyTransaction


def signing_desk(
    database: Database, vault: HsmVault, tenants: Mapping[str, TenantPolicy], verify: VerifyOtp
) -> SigningDesk:
    """Return it, over one database and one HSM, by the rules in force."""
    return SigningDesk(
        CreateTransactionChallenge(SqlChallenges(database), vault, tenants),
        VerifyTransaction(verify, tenants),
    )
