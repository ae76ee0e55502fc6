# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `EnrollmentStore`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

from kagimori.adapters.sql import audit, customers, outbox
from kagimori.adapters.sql.database import (
    Asked,
    ConstraintViolated,
    Database,
    Transaction,
    Value,
    transacted,
)
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.requests import moment
from kagimori.application.enrollment.ports import (
    Customer,
    Done,
    HeldToken,
    Issued,
    NewEnrollment,
    Release,
    Stale,
    Unlocking,
)
from kagimori.application.ports import Subject

T = TypeVar("T")

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

_SEEN_TOKEN: Final = {"tenant": "text", "token_id": "text", "seen_generation": "integer"}

# The generation ends whatever verification is under way.
_RETIRE: Final = statement(
    """
{batch}
UPDATE tokens SET
  state = 'RETIRED', subscriber = NULL, blob = :empty, row_mac = :empty,
  lease = NULL, lease_until = NULL, generation = tokens.generation + 1
{from_batch}
WHERE tokens.tenant = b.tenant AND tokens.token_id = b.token_id
  AND tokens.generation = b.seen_generation
RETURNING 1
""",
    batch=_SEEN_TOKEN,
)

_DESTROY: Final = statement(
    "DELETE FROM signing_seeds WHERE tenant = :tenant AND token_id = :token_id"
)

_UNLOCK: Final = statement(
    """
{batch}
UPDATE tokens SET
  state = b.becomes, failures = 0, unlock_failures = 0,
  lease = NULL, lease_until = NULL, generation = tokens.generation + 1
{from_batch}
WHERE tokens.tenant = b.tenant AND tokens.token_id = b.token_id
  AND tokens.state = b.seen_state AND tokens.generation = b.seen_generation
RETURNING 1
""",
    batch={**_SEEN_TOKEN, "seen_state": "text", "becomes": "text"},
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
        return await self._transacted(lambda begun: customers.look(begun, tenant, subject))

    async def issue(self, new: NewEnrollment) -> Issued | Stale:
        """See `EnrollmentStore.issue`."""
        try:
            return await self._transacted(lambda begun: _issue(begun, new))
        except ConstraintViolated as violated:
            if str(violated) not in _TAKEN_USER_ID:
                raise
            return Stale()

    async def release(self, release: Release) -> Done | Stale:
        """See `EnrollmentStore.release`."""
        try:
            return await self._transacted(lambda begun: _release(begun, release))
        except _Changed:
            return Stale()

    async def unlock(self, unlocking: Unlocking) -> Done | Stale:
        """See `EnrollmentStore.unlock`."""
        return await self._transacted(lambda begun: _unlock(begun, unlocking))

    async def _transacted(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Do ``work`` to its end: PostgreSQL's connections do not outlive a cancelled call."""
        task = asyncio.ensure_future(transacted(self._database, work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            # asyncio complains of errors that nobody has looked at.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise


class _Changed(Exception):
    """A row is not as it was read; what was written before is undone."""


async def _issue(transaction: Transaction, new: NewEnrollment) -> Issued | Stale:
    valid_for = new.valid_for // timedelta(microseconds=1)
    issuing = _ISSUE if new.replaces is None else _ISSUE_ANEW
    (begun,) = await transaction.run(Asked(issuing, {}, [_values(new, valid_for)]))
    if not begun:
        return Stale()
    letter = new.letter
    line = audit.Act(letter.tenant, new.actor, "ISSUE", None, None, new.request_id, letter.user_id)
    await transaction.commit(outbox.posted(letter), audit.acted(line))
    return Issued(moment(transaction.now), moment(transaction.now + valid_for))


async def _release(transaction: Transaction, release: Release) -> Done:
    enrolled, token = release.enrolled, release.token
    row = (
        release.tenant,
        release.subscriber,
        enrolled.generation,
        release.released_on.isoformat(),
    )
    (ended,) = await transaction.run(Asked(_RELEASE, {}, [row]))
    if not ended:
        raise _Changed
    if token is not None:
        await _retire(transaction, release.tenant, token)
    token_id, serial = (None, None) if token is None else (token.token_id, token.serial)
    line = audit.Act(
        release.tenant, release.actor, "DEREGISTER", token_id, serial, None, enrolled.user_id
    )
    letters = outbox.withdrawn(release.tenant, release.subscriber)
    await transaction.commit(letters, audit.acted(line))
    return Done()


async def _retire(transaction: Transaction, tenant: str, token: HeldToken) -> None:
    seen = [(tenant, token.token_id, token.generation)]
    retired, _ = await transaction.run(
        Asked(_RETIRE, {"empty": b""}, seen),
        Asked(_DESTROY, {"tenant": tenant, "token_id": token.token_id}),
    )
    if not retired:
        raise _Changed


async def _unlock(transaction: Transaction, unlocking: Unlocking) -> Done | Stale:
    tenant, token = unlocking.tenant, unlocking.token
    row = (tenant, token.token_id, token.generation, token.state, unlocking.becomes)
    (unlocked,) = await transaction.run(Asked(_UNLOCK, {}, [row]))
    if not unlocked:
        return Stale()
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
