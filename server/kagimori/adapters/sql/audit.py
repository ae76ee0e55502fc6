# SPDX-License-Identifier: Apache-2.0
"""Audit rows: written in the transaction of what they tell about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kagimori.adapters.sql.database import Transaction
from kagimori.adapters.sql.dialect import encoded, statement
from kagimori.application.ports import Claim
from kagimori.domain.outcome import Verdict
from kagimori.domain.token import TokenIdentity

DECISION: Final = {
    "tenant": "text",
    "request_id": "uuid",
    "lease": "uuid",
    "actor": "text",
    "token_id": "text",
    "serial": "text",
    "operation": "text",
    "outcome": "text",
    "receipt_number": "bigint",
    "attempts_left": "integer",
}
"""A verdict as a row of input: see `decision`."""

_IMPORTED: Final = statement(
    """
{batch}
INSERT INTO audit (at, tenant, actor, action, token_id, serial)
SELECT :now, tenant, :actor, 'IMPORT', token_id, serial FROM batch
""",
    batch={"tenant": "text", "token_id": "text", "serial": "text"},
)

_VERIFIED: Final = statement(
    """
{batch}
INSERT INTO audit
  (at, tenant, actor, action, token_id, serial, request_id, operation, outcome, receipt_number)
SELECT :now, tenant, actor, 'VERIFY', token_id, serial, request_id, operation, outcome,
       receipt_number
FROM batch
""",
    batch=DECISION,
)


def imported(transaction: Transaction, tokens: Iterable[TokenIdentity], actor: str) -> None:
    """Write down that ``actor`` brought tokens in."""
    batch = encoded((token.tenant, token.token_id, token.serial) for token in tokens)
    transaction.run(_IMPORTED, {"batch": batch, "now": transaction.now, "actor": actor})


def verified(transaction: Transaction, decisions: str) -> None:
    """Write down what became of claims; ``decisions`` are encoded `decision` rows."""
    transaction.run(_VERIFIED, {"batch": decisions, "now": transaction.now})


def decision(
    claim: Claim, verdict: Verdict, token_id: str | None = None, serial: str | None = None
) -> tuple[object, ...]:
    """Return a row of `DECISION`. An unknown name is not repeated here."""
    return (
        claim.tenant,
        claim.request_id,
        claim.lease,
        claim.caller,
        token_id,
        serial,
        claim.operation,
        verdict.outcome,
        verdict.receipt.number if verdict.receipt else None,
        verdict.attempts_left,
    )
