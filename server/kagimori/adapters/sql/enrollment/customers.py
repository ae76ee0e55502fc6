# SPDX-License-Identifier: Apache-2.0
"""A customer as the tables have him: his enrolment, his token, his letter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from kagimori.adapters.sql.database import Asked, Row, Transaction
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.times import moment
from kagimori.application.enrollment.ports import (
    Customer,
    Enrolled,
    HeldToken,
    SealedPassword,
)
from kagimori.application.ports import BySerial, Subject
from kagimori.domain.enrollment import EnrollmentState, LetterState
from kagimori.domain.lifecycle import State

# What the two databases call it.
ONE_TOKEN_EACH: Final = frozenset(
    {"ix_tokens_live", "UNIQUE constraint failed: tokens.tenant, tokens.subscriber"}
)
"""The constraint that is violated where a customer would have two tokens."""

# One statement, so that token and enrolment are of one moment.
_CUSTOMER: Final = """
{batch}
SELECT e.user_id, e.state, e.generation, e.request_id, e.fingerprint, e.password_hash,
       e.password_key_version, e.issued_at, e.deadline, e.token_id, e.released_on,
       k.token_id, k.serial, k.state, k.generation,
       CASE WHEN k.not_before > {now} OR k.not_after <= {now} THEN 0 ELSE 1 END,
       (SELECT o.state FROM outbox o
        WHERE o.tenant = c.tenant AND o.subscriber = c.subscriber
          AND o.user_id = e.user_id AND o.kind = 'ISSUED'
        ORDER BY o.created_at DESC LIMIT 1),
       COALESCE(r.login_otp, 0),
       CASE WHEN s.token_id IS NULL THEN 0 ELSE 1 END
FROM {named} c
LEFT JOIN enrollments e ON e.tenant = c.tenant AND e.subscriber = c.subscriber
LEFT JOIN tokens k ON k.tenant = c.tenant AND k.subscriber = c.subscriber
LEFT JOIN signing_seeds s ON s.tenant = k.tenant AND s.token_id = k.token_id
LEFT JOIN registrations r ON r.tenant = c.tenant AND r.subscriber = c.subscriber
"""

_BY_SUBSCRIBER: Final = statement(
    _CUSTOMER,
    batch={"tenant": "text", "subscriber": "text"},
    parts={"named": "(SELECT b.tenant AS tenant, b.subscriber AS subscriber {from_batch})"},
)

_BY_SERIAL: Final = statement(
    _CUSTOMER,
    batch={"tenant": "text", "serial": "text"},
    parts={
        "named": """
(SELECT t.tenant, t.subscriber FROM tokens t {and_batch}
 WHERE t.tenant = b.tenant AND t.serial = b.serial AND t.subscriber IS NOT NULL)
"""
    },
)


async def look(transaction: Transaction, tenant: str, subject: Subject) -> Customer:
    """Return the customer, and end the transaction with it."""
    named = _BY_SERIAL if isinstance(subject, BySerial) else _BY_SUBSCRIBER
    (rows,) = await transaction.commit(Asked(named, {}, [(tenant, subject.value)]))
    return _customer(transaction.now, rows)


def _customer(now: int, rows: Sequence[Row]) -> Customer:
    if not rows:
        return Customer(moment(now))
    (row,) = rows
    token_id, serial, state, generation, in_its_time, letter, login_otp, can_sign = row[11:]
    token = None
    if token_id is not None:
        token = HeldToken(
            token_id, serial, State(state), generation, bool(in_its_time), bool(can_sign)
        )
    return Customer(
        moment(now),
        _enrolled(row[:11]),
        token,
        None if letter is None else LetterState(letter),
        bool(login_otp),
    )


def _enrolled(row: Row) -> Enrolled | None:
    user_id, state, generation, request_id, fingerprint, hashed, version, *rest = row
    if user_id is None:
        return None
    issued_at, deadline, token_id, released_on = rest
    return Enrolled(
        user_id,
        EnrollmentState(state),
        generation,
        request_id,
        bytes.fromhex(fingerprint),
        None if hashed is None else SealedPassword(hashed, version),
        moment(issued_at),
        moment(deadline),
        token_id,
        None if released_on is None else date.fromisoformat(released_on),
    )
