# SPDX-License-Identifier: Apache-2.0
"""What ends a token's life, or its lock: the same statements, whoever asks for it.

Each is guarded by what was read before, and each raises the token's generation:
that ends a verification which is under way.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from kagimori.adapters.sql.database import Asked, Transaction
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.provisioning import sealed
from kagimori.application.enrollment.ports import HeldToken
from kagimori.domain.lifecycle import State

_RELEASE: Final = statement(
    """
{batch}
UPDATE enrollments SET
  state = 'RELEASED', generation = enrollments.generation + 1, fingerprint = '',
  mail_address = NULL, password_hash = NULL, token_id = NULL, released_on = b.released_on
{from_batch}
WHERE enrollments.tenant = b.tenant AND enrollments.subscriber = b.subscriber
  AND enrollments.generation = b.seen_generation
RETURNING 1
""",
    batch={
        "tenant": "text",
        "subscriber": "text",
        "seen_generation": "integer",
        "released_on": "date",
    },
)

_CHANGE: Final = {
    "tenant": "text",
    "token_id": "text",
    "seen_generation": "integer",
    "seen_state": "text",
    "becomes": "text",
}

_SAME: Final = {
    "as_seen": """
WHERE tokens.tenant = b.tenant AND tokens.token_id = b.token_id
  AND tokens.state = b.seen_state AND tokens.generation = b.seen_generation
RETURNING 1
"""
}

_END: Final = statement(
    """
{batch}
UPDATE tokens SET
  state = b.becomes, subscriber = NULL, blob = :empty, row_mac = :empty,
  lease = NULL, lease_until = NULL, generation = tokens.generation + 1
{from_batch}
{as_seen}
""",
    batch=_CHANGE,
    parts=_SAME,
)

_UNLOCK: Final = statement(
    """
{batch}
UPDATE tokens SET
  state = b.becomes, failures = 0, unlock_failures = 0,
  lease = NULL, lease_until = NULL, generation = tokens.generation + 1
{from_batch}
{as_seen}
""",
    batch=_CHANGE,
    parts=_SAME,
)


class Changed(Exception):
    """A row is not as it was read; what was written before is undone."""


async def release(
    transaction: Transaction, tenant: str, subscriber: str, generation: int, released_on: date
) -> None:
    """End the customer's enrolment as it was read, or raise `Changed`."""
    row = (tenant, subscriber, generation, released_on.isoformat())
    (ended,) = await transaction.run(Asked(_RELEASE, {}, [row]))
    if not ended:
        raise Changed


async def end(transaction: Transaction, tenant: str, token: HeldToken, becomes: State) -> None:
    """Destroy the token's seeds, and bind it to nobody; raise `Changed`."""
    ended, _ = await transaction.run(
        Asked(_END, {"empty": b""}, [_row(tenant, token, becomes)]),
        sealed.destruction(tenant, token.token_id),
    )
    if not ended:
        raise Changed


async def unlock(transaction: Transaction, tenant: str, token: HeldToken, becomes: State) -> None:
    """Give the token its attempts back, but for those of the day; raise `Changed`."""
    (unlocked,) = await transaction.run(Asked(_UNLOCK, {}, [_row(tenant, token, becomes)]))
    if not unlocked:
        raise Changed


def _row(tenant: str, token: HeldToken, becomes: State) -> tuple[str, str, int, str, str]:
    return tenant, token.token_id, token.generation, token.state, becomes
