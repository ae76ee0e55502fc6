# SPDX-License-Identifier: Apache-2.0
"""The outbox: letters are written in the transaction of what they tell about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kagimori.adapters.sql.database import Asked, Database, Row, Value, transacted
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.times import DAY, SECOND, moment
from kagimori.application.notification.letter import Letter
from kagimori.application.notification.ports import Due
from kagimori.domain.enrollment import LetterKind, LetterState

_POST: Final = statement(
    """
INSERT INTO outbox
  (letter_id, tenant, kind, subscriber, user_id, recipient, message_id, state, tries, created_at,
   due_at)
VALUES (:letter_id, :tenant, :kind, :subscriber, :user_id, :recipient, :message_id, 'PENDING', 0,
        {now}, {now})
"""
)

# By way of the token: enrolments have no index of their tokens. Two servers do not
# write at once for one token: whoever settles a verification holds its lease.
_REPLAYED: Final = statement(
    """
{batch}
INSERT INTO outbox
  (letter_id, tenant, kind, subscriber, user_id, recipient, message_id, state, tries, created_at,
   due_at)
SELECT b.letter_id, e.tenant, 'REPLAYED', e.subscriber, e.user_id, e.mail_address, b.message_id,
       'PENDING', 0, {now}, {now}
FROM enrollments e {and_batch}
WHERE e.tenant = b.tenant AND e.token_id = b.token_id
  AND e.subscriber = (
    SELECT k.subscriber FROM tokens k WHERE k.tenant = b.tenant AND k.token_id = b.token_id)
  AND e.state = 'PROVISIONED' AND e.mail_address IS NOT NULL
  AND NOT EXISTS (
    SELECT 1 FROM outbox o
    WHERE o.tenant = e.tenant AND o.subscriber = e.subscriber AND o.kind = 'REPLAYED'
      AND o.created_at > {now} - {a_day})
""",
    batch={"tenant": "text", "token_id": "text", "letter_id": "uuid", "message_id": "text"},
    parts={"a_day": str(DAY)},
)

# A claimed letter is due again when its lease runs out: then its sender is dead.
_CLAIM: Final = statement(
    """
UPDATE outbox SET lease = :lease, tries = outbox.tries + 1, due_at = {now} + :lasts
WHERE letter_id IN (
  SELECT t.letter_id FROM outbox t
  WHERE t.state = 'PENDING' AND t.due_at <= {now}
  ORDER BY t.due_at LIMIT 1
  {skip_locked})
RETURNING letter_id, tenant, kind, subscriber, user_id, recipient, message_id, tries, created_at,
  {now} - created_at
"""
)

# Only a pending letter has a lease. Not to ask for its state keeps PostgreSQL from
# going through all that are due.
_OURS: Final = """
WHERE letter_id = :letter_id AND lease = :lease
RETURNING 1
"""

_END: Final = statement(
    """
UPDATE outbox
SET state = :state, recipient = NULL, lease = NULL, ended_at = {now}, reply = :reply
{ours}
""",
    parts={"ours": _OURS},
)

# Whoever is sending one meanwhile finds its lease gone.
_WITHDRAW: Final = statement(
    """
UPDATE outbox
SET state = 'REFUSED', recipient = NULL, lease = NULL, ended_at = {now}, reply = 'withdrawn'
WHERE tenant = :tenant AND subscriber = :subscriber AND state = 'PENDING'
"""
)

_LATER: Final = statement(
    """
UPDATE outbox SET lease = NULL, due_at = {now} + :wait, reply = :reply
{ours}
""",
    parts={"ours": _OURS},
)


def posted(letter: Letter) -> Asked:
    """Return what puts ``letter`` into the outbox, to be sent at once."""
    values = {
        "letter_id": letter.letter_id,
        "tenant": letter.tenant,
        "kind": letter.kind,
        "subscriber": letter.subscriber,
        "user_id": letter.user_id,
        "recipient": letter.recipient,
        "message_id": letter.message_id,
    }
    return Asked(_POST, values)


def replayed(rows: Sequence[tuple[str, str, str, str]]) -> Asked:
    """Return what tells the holders of tokens that a code was offered again.

    ``rows`` are tenant, token_id, letter_id and message_id. A holder without an
    address is told nothing, and nobody is told twice within 24 hours.
    """
    # One statement does not see what it writes itself.
    first = {(tenant, token_id): row for row in reversed(rows) for tenant, token_id, *_ in [row]}
    return Asked(_REPLAYED, {}, list(first.values()))


def withdrawn(tenant: str, subscriber: str) -> Asked:
    """Return what ends the letters that a customer has not been sent yet."""
    return Asked(_WITHDRAW, {"tenant": tenant, "subscriber": subscriber})


class SqlOutbox:
    """The database as the application's `OutboxStore`."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    async def claim(self, lease: str, seconds: float) -> Due | None:
        """See `OutboxStore.claim`."""
        lasts = round(seconds * SECOND)
        rows = await self._done(Asked(_CLAIM, {"lease": lease, "lasts": lasts}))
        return _due(rows[0], lease) if rows else None

    async def sent(self, due: Due, reply: str) -> bool:
        """See `OutboxStore.sent`."""
        return await self._ended(due, LetterState.SENT, reply)

    async def refused(self, due: Due, reply: str) -> bool:
        """See `OutboxStore.refused`."""
        return await self._ended(due, LetterState.REFUSED, reply)

    async def later(self, due: Due, seconds: float, reply: str) -> bool:
        """See `OutboxStore.later`."""
        wait = round(seconds * SECOND)
        return bool(await self._done(Asked(_LATER, {**_ours(due), "wait": wait, "reply": reply})))

    async def _ended(self, due: Due, state: LetterState, reply: str) -> bool:
        return bool(await self._done(Asked(_END, {**_ours(due), "state": state, "reply": reply})))

    async def _done(self, asked: Asked) -> list[Row]:
        (rows,) = await transacted(self._database, lambda begun: begun.commit(asked))
        return rows


def _due(row: Row, lease: str) -> Due:
    letter_id, tenant, kind, subscriber, user_id, recipient, message_id, tries, created, age = row
    letter = Letter(letter_id, tenant, LetterKind(kind), subscriber, user_id, recipient, message_id)
    return Due(letter, lease, tries, moment(created), age / SECOND)


def _ours(due: Due) -> dict[str, Value]:
    return {"letter_id": due.letter.letter_id, "lease": due.lease}
