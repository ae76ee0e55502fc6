# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `RegistrationStore`."""

from __future__ import annotations

from typing import Final

from kagimori.adapters.sql import audit
from kagimori.adapters.sql.database import (
    Asked,
    Database,
    Row,
    Transaction,
    Value,
    carried_out,
)
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.enrollment import customers
from kagimori.adapters.sql.times import moment
from kagimori.adapters.sql.verification.requests import WINDOW
from kagimori.application.enrollment.ports import Customer, Done, Stale
from kagimori.application.ports import Subject
from kagimori.application.registration.ports import Choice, Exchange, Tried, Try
from kagimori.domain.calendar import day_of

_EXCHANGE: Final = statement(
    """
SELECT r.token_id, r.serial_before, r.complete_by, r.proposal_id, r.request_id, r.serial_after
FROM replacements r WHERE r.tenant = :tenant AND r.subscriber = :subscriber
"""
)

_TRY: Final = {"tenant": "text", "subscriber": "text", "request_id": "uuid"}

# What the engine would answer the request with, whatever has come since.
_ANSWERED: Final = statement(
    """
{batch}
SELECT 1 FROM requests r {and_batch}
WHERE r.tenant = b.tenant AND r.request_id = b.request_id AND r.state = 'DONE'
  AND (r.operation = 'REGISTRATION' OR r.operation = 'REPLACE_NEW')
  AND r.created_at > {now} - {window}
""",
    batch=_TRY,
    parts={"window": str(WINDOW)},
)

# A clock that is set back gives nobody a day's tries again.
_COUNT: Final = statement(
    """
{batch}
INSERT INTO registrations (tenant, subscriber, day, day_tries, last_try)
SELECT b.tenant, b.subscriber, b.today, 1, b.request_id {from_batch}
WHERE true
ON CONFLICT (tenant, subscriber) DO UPDATE SET
  day = CASE WHEN {is_new_day} THEN excluded.day ELSE registrations.day END,
  day_tries = CASE WHEN {is_new_day} THEN 1 ELSE registrations.day_tries + 1 END,
  last_try = excluded.last_try
WHERE (registrations.last_try IS NULL OR registrations.last_try <> excluded.last_try)
  AND ({is_new_day} OR registrations.day_tries < :daily)
RETURNING 1
""",
    batch={**_TRY, "today": "date"},
    parts={"is_new_day": "(registrations.day IS NULL OR registrations.day < excluded.day)"},
)

_MADE: Final = """
registrations.tenant = b.tenant AND registrations.subscriber = b.subscriber
  AND registrations.last_try = b.request_id
"""

_AGAIN: Final = statement(
    "{batch} SELECT 1 FROM registrations {and_batch} WHERE {made}",
    batch=_TRY,
    parts={"made": _MADE},
)

_GIVE_BACK: Final = statement(
    """
{batch}
UPDATE registrations SET
  last_try = NULL, day_tries = CASE WHEN day_tries > 0 THEN day_tries - 1 ELSE 0 END
{from_batch}
WHERE {made}
""",
    batch=_TRY,
    parts={"made": _MADE},
)

_CHOOSE: Final = statement(
    """
{batch}
INSERT INTO registrations (tenant, subscriber, login_otp)
SELECT t.tenant, t.subscriber, b.login_otp FROM tokens t {and_batch}
WHERE t.tenant = b.tenant AND t.token_id = b.token_id AND t.subscriber = b.subscriber
  AND (t.state = 'ACTIVE' OR t.state = 'LOCKED')
ON CONFLICT (tenant, subscriber) DO UPDATE SET login_otp = excluded.login_otp
RETURNING 1
""",
    batch={"tenant": "text", "subscriber": "text", "token_id": "text", "login_otp": "integer"},
)


class SqlRegistrations:
    """Each call is one transaction, and goes on where its caller goes away."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    async def customer(self, tenant: str, subject: Subject) -> Customer:
        """See `RegistrationStore.customer`."""
        return await carried_out(
            self._database, lambda begun: customers.look(begun, tenant, subject)
        )

    async def exchange(self, tenant: str, subscriber: str) -> Exchange | None:
        """See `RegistrationStore.exchange`."""
        asked = Asked(_EXCHANGE, {"tenant": tenant, "subscriber": subscriber})

        async def work(begun: Transaction) -> Exchange | None:
            (rows,) = await begun.commit(asked)
            return _exchange_of(begun.now, rows[0]) if rows else None

        return await carried_out(self._database, work)

    async def spend(self, wish: Try) -> Tried:
        """See `RegistrationStore.spend`."""
        return await carried_out(self._database, lambda begun: _spend(begun, wish))

    async def give_back(self, wish: Try) -> None:
        """See `RegistrationStore.give_back`."""
        asked = Asked(_GIVE_BACK, {}, [_row_of(wish)])
        await carried_out(self._database, lambda begun: begun.commit(asked))

    async def choose(self, choice: Choice) -> Done | Stale:
        """See `RegistrationStore.choose`."""
        return await carried_out(self._database, lambda begun: _choose(begun, choice))


async def _spend(transaction: Transaction, wish: Try) -> Tried:
    row = _row_of(wish)
    answered, again = await transaction.run(Asked(_ANSWERED, {}, [row]), Asked(_AGAIN, {}, [row]))
    if answered:
        return Tried.ANSWERED
    if again:
        return Tried.AGAIN
    today = day_of(moment(transaction.now), wish.zone).isoformat()
    # Another call of the same request may have counted since: the last look tells.
    counted, again = await transaction.commit(
        Asked(_COUNT, {"daily": wish.daily}, [(*row, today)]), Asked(_AGAIN, {}, [row])
    )
    if counted:
        return Tried.COUNTED
    return Tried.AGAIN if again else Tried.SPENT


async def _choose(transaction: Transaction, choice: Choice) -> Done | Stale:
    token = choice.token
    row = choice.tenant, choice.subscriber, token.token_id, int(choice.login_otp)
    (chosen,) = await transaction.run(Asked(_CHOOSE, {}, [row]))
    if not chosen:
        return Stale()
    action = "LOGIN_OTP_ON" if choice.login_otp else "LOGIN_OTP_OFF"
    line = audit.Act(choice.tenant, choice.actor, action, token.token_id, token.serial, None, None)
    await transaction.commit(audit.acted(line))
    return Done()


def _row_of(wish: Try) -> tuple[Value, ...]:
    return wish.tenant, wish.subscriber, wish.request_id


def _exchange_of(now: int, row: Row) -> Exchange:
    token_id, serial_before, complete_by, proposal_id, request_id, serial_after = row
    return Exchange(
        moment(now),
        token_id,
        serial_before,
        moment(complete_by),
        proposal_id is not None,
        request_id,
        serial_after,
    )
