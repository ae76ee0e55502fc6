# SPDX-License-Identifier: Apache-2.0
"""Audit rows: written in the transaction of what they tell about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from kagimori.adapters.sql.database import Asked, Value
from kagimori.adapters.sql.dialect import statement

DECISION: Final = {
    "tenant": "text",
    "request_id": "uuid",
    "lease": "uuid",
    "actor": "text",
    "token_id": "text",
    "serial": "text",
    "operation": "text",
    "outcome": "text",
    "before_last": "bigint",
    "attempts_left": "integer",
    "digest": "text",
}
"""A verdict as a row of input. An unknown name is not repeated in it.

``before_last`` goes with an acceptance: how many receipts of the tenant's come
after its own among those that are drawn for the batch. ``digest`` is what a signature
is about, in hexadecimal.
"""

RECEIPT_NUMBER: Final = """
CASE WHEN b.before_last IS NOT NULL
  THEN (SELECT r.last_number FROM receipts r WHERE r.tenant = b.tenant) - b.before_last END
"""
"""The number of a verdict's receipt, of those that were drawn just before."""

Decision = tuple[Value, ...]

_LISTED: Final = statement(
    """
{batch}
INSERT INTO audit (at, tenant, actor, action, token_id, serial)
SELECT {now}, b.tenant, :actor, :action, b.token_id, b.serial {from_batch}
""",
    batch={"tenant": "text", "token_id": "text", "serial": "text"},
)

_VERIFIED: Final = statement(
    """
{batch}
INSERT INTO audit
  (at, tenant, actor, action, token_id, serial, request_id, operation, outcome, receipt_number,
   transaction_digest)
SELECT {now}, b.tenant, b.actor, 'VERIFY', b.token_id, b.serial, b.request_id, b.operation,
       b.outcome, {receipt_number}, b.digest
{from_batch}
""",
    batch=DECISION,
    parts={"receipt_number": RECEIPT_NUMBER},
)

_ACTED: Final = statement(
    """
INSERT INTO audit (at, tenant, actor, action, token_id, serial, request_id, user_id)
VALUES ({now}, :tenant, :actor, :action, :token_id, :serial, :request_id, :user_id)
"""
)


def listed(action: str, tokens: Sequence[tuple[str, str, str]], actor: str) -> Asked:
    """Return what writes down what ``actor`` did to many tokens, in their order.

    Each is named by its tenant, its token_id and its serial.
    """
    return Asked(_LISTED, {"action": action, "actor": actor}, tokens)


def verified(decisions: Sequence[Decision]) -> Asked:
    """Return what writes down what became of claims."""
    return Asked(_VERIFIED, {}, decisions)


class Act(NamedTuple):
    """What somebody did to a customer's enrolment or token; ``action`` is one word."""

    tenant: str
    actor: str
    action: str
    token_id: str | None
    serial: str | None
    request_id: str | None
    user_id: str | None


def acted(act: Act) -> Asked:
    """Return what writes ``act`` down."""
    return Asked(_ACTED, act._asdict())
