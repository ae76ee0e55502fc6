# SPDX-License-Identifier: Apache-2.0
"""Audit rows: written in the transaction of what they tell about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kagimori.adapters.sql.connection import Transaction
from kagimori.application.ports import Claim
from kagimori.domain.outcome import Outcome
from kagimori.domain.token import TokenIdentity


class Action(StrEnum):
    """What was done."""

    IMPORT = "IMPORT"
    VERIFY = "VERIFY"


@dataclass(frozen=True, slots=True)
class Named:
    """Which token an audit row is about, without its customer."""

    token_id: str
    serial: str


_IMPORTED: Final = """
INSERT INTO audit (at, tenant, actor, action, token_id, serial)
VALUES (:at, :tenant, :actor, :action, :token_id, :serial)
"""

_VERIFIED: Final = """
INSERT INTO audit
  (at, tenant, actor, action, token_id, serial, request_id, operation, outcome, receipt_number)
VALUES
  (:at, :tenant, :actor, :action, :token_id, :serial, :request_id, :operation, :outcome,
   :receipt_number)
"""


def imported(transaction: Transaction, identity: TokenIdentity, actor: str) -> None:
    """Write down that ``actor`` brought a token in."""
    transaction.run(
        _IMPORTED,
        {
            "at": transaction.now,
            "tenant": identity.tenant,
            "actor": actor,
            "action": Action.IMPORT,
            "token_id": identity.token_id,
            "serial": identity.serial,
        },
    )


def verified(
    transaction: Transaction,
    claim: Claim,
    token: Named | None,
    outcome: Outcome,
    receipt_number: int | None,
) -> None:
    """Write down what became of a claim. An unknown name is not repeated here."""
    transaction.run(
        _VERIFIED,
        {
            "at": transaction.now,
            "tenant": claim.tenant,
            "actor": claim.caller,
            "action": Action.VERIFY,
            "token_id": token.token_id if token else None,
            "serial": token.serial if token else None,
            "request_id": claim.request_id.hex,
            "operation": claim.operation,
            "outcome": outcome,
            "receipt_number": receipt_number,
        },
    )
