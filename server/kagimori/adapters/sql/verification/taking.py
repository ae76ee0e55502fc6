# SPDX-License-Identifier: Apache-2.0
"""The statements that take a token for a claim, and one of the attempts at it."""

from __future__ import annotations

from typing import Final

from kagimori.adapters.sql.dialect import Returning, statement
from kagimori.adapters.sql.rows import ALL
from kagimori.adapters.sql.verification import requests

_PARTS: Final = {
    "lease": str(requests.LEASE),
    "same_token": "WHERE tokens.tenant = b.tenant AND tokens.token_id = b.token_id",
    # See `CLAIMED`.
    "claimable": """
CASE WHEN {takes_stock} THEN tokens.state = 'IN_STOCK' OR tokens.state = 'RETURNED'
  ELSE tokens.state = {claimed_state} END
""",
    "takes_stock": requests.TAKES_STOCK,
    "claimed_state": "CASE WHEN b.operation = 'ACTIVATION' THEN 'ASSIGNED' ELSE 'ACTIVE' END",
    # `Validity`, by the database's clock.
    "in_its_time": (
        "(tokens.not_before IS NULL OR tokens.not_before <= {now})"
        " AND (tokens.not_after IS NULL OR tokens.not_after > {now})"
    ),
}

# Whoever has just taken a token is the only one to hold it by that lease.
_TAKEN: Final = Returning(
    ", ".join(f"tokens.{column}" for column in ALL) + ", b.request_id",
    """
FROM tokens
WHERE tokens.tenant = b.tenant AND tokens.token_id = {claimed} AND tokens.lease = b.lease
""",
)

_TAKEN_OVER: Final = Returning(
    ", ".join(f"tokens.{column}" for column in ALL),
    "FROM tokens WHERE tokens.tenant = b.tenant AND tokens.token_id = b.token_id",
)

# The day only moves forward: two servers on either side of midnight must not
# give a token a new budget at every call.
# Of two claims that name one token one has it: the first, where the plan begins with the batch.
# A signature's code has digits of its own.
SPEND: Final = statement(
    """
{batch}
UPDATE tokens SET
  lease = b.lease,
  lease_until = {now} + {lease},
  failures = tokens.failures + 1,
  day_failures = CASE WHEN tokens.day >= b.today THEN tokens.day_failures ELSE 0 END + 1,
  day = CASE WHEN tokens.day > b.today THEN tokens.day ELSE b.today END,
  unlock_failures = tokens.unlock_failures + 1
{from_batch}
WHERE tokens.tenant = b.tenant AND tokens.token_id = {claimed}
  AND {claimable}
  AND (tokens.digits = b.code_length OR b.operation = 'SIGNATURE')
  AND {in_its_time}
  AND tokens.failures < b.consecutive
  AND (tokens.day IS NULL OR tokens.day < b.today OR tokens.day_failures < b.daily)
  AND tokens.unlock_failures < b.since_unlock
  AND (tokens.lease IS NULL OR tokens.lease_until <= {now})
{returning}
""",
    batch=requests.CLAIM,
    parts=_PARTS,
    unlocked_tokens=True,
    returning=_TAKEN,
)

TAKE_OVER: Final = statement(
    """
{batch}
UPDATE tokens SET lease = b.new_lease, lease_until = {now} + {lease}
{from_batch}
{same_token}
  AND {claimable} AND {in_its_time}
  AND tokens.lease = b.old_lease AND tokens.lease_until <= {now}
{returning}
""",
    batch={
        "tenant": "text",
        "token_id": "text",
        "operation": "text",
        "new_lease": "uuid",
        "old_lease": "uuid",
    },
    parts=_PARTS,
    returning=_TAKEN_OVER,
)

# Attempts that nobody settled (a crash) count like the others. A token in stock cannot be
# locked: its attempts alone say so.
LOCK: Final = statement(
    """
{batch}
UPDATE tokens SET
  state = CASE WHEN tokens.state = 'ASSIGNED' THEN 'BARRED' ELSE 'LOCKED' END,
  generation = tokens.generation + 1, lease = NULL, lease_until = NULL
{from_batch}
{same_token} AND {claimable} AND tokens.subscriber IS NOT NULL
  AND (tokens.lease IS NULL OR tokens.lease_until <= {now})
  AND (tokens.failures >= b.consecutive OR tokens.unlock_failures >= b.since_unlock)
""",
    batch={
        "tenant": "text",
        "token_id": "text",
        "operation": "text",
        "consecutive": "integer",
        "since_unlock": "integer",
    },
    parts=_PARTS,
)
