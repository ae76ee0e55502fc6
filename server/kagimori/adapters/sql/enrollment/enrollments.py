# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `EnrollmentStore`."""

from __future__ import annotations

from typing import Final

from kagimori.adapters.sql import audit, lives, outbox
from kagimori.adapters.sql.database import (
    Asked,
    ConstraintViolated,
    Database,
    Transaction,
    Value,
    carried_out,
)
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.enrollment import customers
from kagimori.adapters.sql.times import moment, span_of
from kagimori.application.enrollment.ports import (
    Customer,
    Done,
    Issued,
    NewEnrollment,
    Release,
    Stale,
    Unlocking,
)
from kagimori.application.ports import Subject
from kagimori.domain.lifecycle import State

_NEW: Final = {
    "tenant": "text",
    "subscriber": "text",
    "user_id": "text",
    "request_id": "uuid",
    "fingerprint": "text",
    "mail_address": "text",
    "password_hash": "text",
    "password_key_version": "integer",
    "valid_for": "bigint",
    "replaces": "integer",
}

# A vendor's token may have come to the customer since he was looked at.
_PARTS: Final = {
    "no_token": """
NOT EXISTS (SELECT 1 FROM tokens k WHERE k.tenant = b.tenant AND k.subscriber = b.subscriber)
"""
}

_ISSUE: Final = statement(
    """
{batch}
INSERT INTO enrollments
  (tenant, subscriber, user_id, state, generation, request_id, fingerprint, mail_address,
   password_hash, password_key_version, tries, issued_at, deadline)
SELECT b.tenant, b.subscriber, b.user_id, 'ISSUED', 1, b.request_id, b.fingerprint,
       b.mail_address, b.password_hash, b.password_key_version, 0, {now}, {now} + b.valid_for
{from_batch}
WHERE {no_token}
ON CONFLICT DO NOTHING
RETURNING 1
""",
    batch=_NEW,
    parts=_PARTS,
)

_ISSUE_ANEW: Final = statement(
    """
{batch}
UPDATE enrollments SET
  user_id = b.user_id, state = 'ISSUED', generation = enrollments.generation + 1,
  request_id = b.request_id, fingerprint = b.fingerprint, mail_address = b.mail_address,
  password_hash = b.password_hash, password_key_version = b.password_key_version, tries = 0,
  issued_at = {now}, deadline = {now} + b.valid_for, token_id = NULL, released_on = NULL
{from_batch}
WHERE enrollments.tenant = b.tenant AND enrollments.subscriber = b.subscriber
  AND enrollments.generation = b.replaces AND {no_token}
RETURNING 1
""",
    batch=_NEW,
    parts=_PARTS,
)

# What the two databases call it when a user ID was drawn that another customer has.
_TAKEN_USER_ID: Final = frozenset(
    {
        "uq_enrollments_tenant_user_id",
        "UNIQUE constraint failed: enrollments.tenant, enrollments.user_id",
    }
)


class SqlEnrollmentStore:
    """Each call is one transaction, and goes on where its caller goes away."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    async def customer(self, tenant: str, subject: Subject) -> Customer:
        """See `EnrollmentStore.customer`."""
        return await carried_out(
            self._database, lambda begun: customers.look(begun, tenant, subject)
        )

    async def issue(self, new: NewEnrollment) -> Issued | Stale:
        """See `EnrollmentStore.issue`."""
        try:
            return await carried_out(self._database, lambda begun: _issue(begun, new))
        except ConstraintViolated as violated:
            if str(violated) not in _TAKEN_USER_ID:
                raise
            return Stale()

    async def release(self, release: Release) -> Done | Stale:
        """See `EnrollmentStore.release`."""
        try:
            return await carried_out(self._database, lambda begun: _release(begun, release))
        except lives.Changed:
            return Stale()

    async def unlock(self, unlocking: Unlocking) -> Done | Stale:
        """See `EnrollmentStore.unlock`."""
        try:
            return await carried_out(self._database, lambda begun: _unlock(begun, unlocking))
        except lives.Changed:
            return Stale()


async def _issue(transaction: Transaction, new: NewEnrollment) -> Issued | Stale:
    valid_for = span_of(new.valid_for)
    issuing = _ISSUE if new.replaces is None else _ISSUE_ANEW
    (begun,) = await transaction.run(Asked(issuing, {}, [_values(new, valid_for)]))
    if not begun:
        return Stale()
    letter = new.letter
    line = audit.Act(letter.tenant, new.actor, "ISSUE", None, None, new.request_id, letter.user_id)
    await transaction.commit(outbox.posted(letter), audit.acted(line))
    return Issued(moment(transaction.now), moment(transaction.now + valid_for))


async def _release(transaction: Transaction, wanted: Release) -> Done:
    tenant, enrolled, token = wanted.tenant, wanted.enrolled, wanted.token
    await lives.release(
        transaction, tenant, wanted.subscriber, enrolled.generation, wanted.released_on
    )
    if token is not None:
        await lives.end(transaction, tenant, token, State.RETIRED)
    token_id, serial = (None, None) if token is None else (token.token_id, token.serial)
    line = audit.Act(tenant, wanted.actor, "DEREGISTER", token_id, serial, None, enrolled.user_id)
    letters = outbox.withdrawn(tenant, wanted.subscriber)
    await transaction.commit(letters, audit.acted(line))
    return Done()


async def _unlock(transaction: Transaction, unlocking: Unlocking) -> Done:
    tenant, token = unlocking.tenant, unlocking.token
    await lives.unlock(transaction, tenant, token, unlocking.becomes)
    line = audit.Act(
        tenant, unlocking.actor, "UNLOCK", token.token_id, token.serial, None, unlocking.user_id
    )
    await transaction.commit(audit.acted(line))
    return Done()


def _values(new: NewEnrollment, valid_for: int) -> tuple[Value, ...]:
    letter = new.letter
    return (
        letter.tenant,
        letter.subscriber,
        letter.user_id,
        new.request_id,
        new.fingerprint.hex(),
        letter.recipient,
        new.password.hash,
        new.password.key_version,
        valid_for,
        new.replaces,
    )
