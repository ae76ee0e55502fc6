# SPDX-License-Identifier: Apache-2.0
"""The statements that move tokens between stock and customers, and what goes with it.

Each is guarded by the row as it was read: values that begin with ``seen_`` are of `SEEN`.
"""

from __future__ import annotations

from typing import Final

from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.rows import COLUMNS

_CHANGES: Final = frozenset({"subscriber", "last_step", "drift"})
"""What is asked for otherwise, or may be another by now."""

SEEN: Final = tuple(column for column in COLUMNS if column not in _CHANGES)
"""The columns of `rows.values_of` by which a token is the one that was read."""

_PARTS: Final = {
    "as_seen": "WHERE " + " AND ".join(f"tokens.{column} = :seen_{column}" for column in SEEN),
    # The code's token, while its verification is under way.
    "ours": "tokens.lease = :lease AND tokens.lease_until > {now} AND tokens.last_step < :step",
    # As a right code that brings nothing about: see `settlements`.
    "spent": """
  last_step = :step, drift = :drift, failures = 0,
  day_failures = CASE WHEN day_failures > 0 THEN day_failures - 1 ELSE 0 END,
  unlock_failures = CASE WHEN unlock_failures > 0 THEN unlock_failures - 1 ELSE 0 END,
  lease = NULL, lease_until = NULL
""",
    "taken": """
  state = :becomes, subscriber = :holder, row_mac = :row_mac, generation = generation + 1,
  not_after = CASE WHEN kind = 'SOFTWARE' THEN NULL ELSE not_after END
""",
    # Neither last_step nor drift, nor what counts since an unlock: the next customer's
    # codes come after those of the last one, and guesses were about one and the same seed.
    "given_up": """
  state = :becomes, subscriber = NULL, blob = :blob, row_mac = :row_mac,
  generation = generation + 1
""",
    "no_token": """
NOT EXISTS (SELECT 1 FROM tokens k WHERE k.tenant = :seen_tenant AND k.subscriber = :holder)
""",
    "none_on_its_way": """
NOT EXISTS
  (SELECT 1 FROM enrollments e WHERE e.tenant = :seen_tenant AND e.subscriber = :holder
   AND e.state = 'ISSUED' AND e.deadline >= {now})
""",
    "customers": "WHERE tenant = :tenant AND subscriber = :subscriber",
}

# That a customer has one token is the unique index's word, if he gets two at once.
REGISTER: Final = statement(
    """
UPDATE tokens SET {taken}, {spent}
{as_seen} AND tokens.subscriber IS NULL AND {ours} AND {no_token} AND {none_on_its_way}
RETURNING 1
""",
    parts=_PARTS,
)

TAKE: Final = statement(
    """
UPDATE tokens SET {taken}, {spent}
{as_seen} AND tokens.subscriber IS NULL AND {ours}
RETURNING 1
""",
    parts=_PARTS,
)

SPEND: Final = statement(
    """
UPDATE tokens SET {spent}
{as_seen} AND tokens.subscriber = :holder AND {ours}
RETURNING 1
""",
    parts=_PARTS,
)

GIVE_UP: Final = statement(
    """
UPDATE tokens SET {given_up}, failures = 0, lease = NULL, lease_until = NULL
{as_seen} AND tokens.subscriber = :holder
RETURNING 1
""",
    parts=_PARTS,
)

TERMINATE: Final = statement(
    """
UPDATE tokens SET {given_up}, {spent}
{as_seen} AND tokens.subscriber = :holder AND {ours}
RETURNING 1
""",
    parts=_PARTS,
)

VOUCH: Final = statement(
    """
UPDATE signing_seeds SET row_mac = :row_mac
WHERE tenant = :tenant AND token_id = :token_id AND row_mac = :seen_mac
RETURNING 1
"""
)

CHOOSE: Final = statement(
    """
INSERT INTO registrations (tenant, subscriber, login_otp, day_tries)
VALUES (:tenant, :subscriber, :login_otp, 0)
ON CONFLICT (tenant, subscriber) DO UPDATE SET login_otp = excluded.login_otp, day_tries = 0
"""
)

TRY_ANEW: Final = statement("UPDATE registrations SET day_tries = 0 {customers}", parts=_PARTS)

UNCHOOSE: Final = statement("UPDATE registrations SET login_otp = 0 {customers}", parts=_PARTS)

# One that two persons have agreed on, too: this one is the customer's own word.
BEGIN: Final = statement(
    """
INSERT INTO replacements
  (tenant, subscriber, state, token_id, serial_before, begun_at, complete_by)
VALUES (:tenant, :subscriber, 'BEGUN', :token_id, :serial, {now}, {now} + :within)
ON CONFLICT (tenant, subscriber) DO UPDATE SET
  state = 'BEGUN', token_id = excluded.token_id, serial_before = excluded.serial_before,
  begun_at = excluded.begun_at, complete_by = excluded.complete_by,
  proposal_id = NULL, request_id = NULL, serial_after = NULL
"""
)

COMPLETE: Final = statement(
    """
UPDATE replacements SET state = 'DONE', request_id = :request_id, serial_after = :serial_after
{customers} AND state = 'BEGUN' AND token_id = :token_id AND complete_by > {now}
RETURNING proposal_id
""",
    parts=_PARTS,
)

FORGET: Final = statement("DELETE FROM replacements {customers}", parts=_PARTS)

FORGET_BEGUN: Final = statement(
    "DELETE FROM replacements {customers} AND state = 'BEGUN'", parts=_PARTS
)
