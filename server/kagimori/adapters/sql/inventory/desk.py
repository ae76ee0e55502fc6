# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `DeskStore`."""

from __future__ import annotations

from datetime import date
from typing import Final

from kagimori.adapters.sql import audit, lives
from kagimori.adapters.sql.database import (
    Asked,
    ConstraintViolated,
    Database,
    Row,
    Transaction,
    Value,
    carried_out,
)
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.enrollment.customers import ONE_TOKEN_EACH
from kagimori.adapters.sql.rows import ALL, SECOND, second_token, token_of
from kagimori.adapters.sql.times import moment, time_of
from kagimori.application.enrollment.ports import Done, HeldToken, Stale
from kagimori.application.inventory.desk_ports import (
    Assigning,
    Condemning,
    Hindered,
    Returning,
    StockedToken,
)
from kagimori.domain.device import Device, Validity
from kagimori.domain.token import Token

_LOOK: Final = statement(
    """
SELECT {columns}, t.not_before, t.not_after, d.manufacturer, d.model, d.since
FROM tokens t
LEFT JOIN devices d ON d.tenant = t.tenant AND d.token_id = t.token_id
WHERE t.tenant = :tenant AND t.serial = :serial
""",
    parts={"columns": ", ".join(f"t.{column}" for column in ALL)},
)

_SECOND_SEED: Final = statement(
    """
SELECT s.last_step, {columns} FROM signing_seeds s
WHERE s.tenant = :tenant AND s.token_id = :token_id
""",
    parts={"columns": ", ".join(f"s.{column}" for column in SECOND)},
)

# The generation ends whatever verification is under way.
_CHANGED: Final = {
    "changed": """
  failures = 0, unlock_failures = 0, lease = NULL, lease_until = NULL, generation = generation + 1
WHERE tenant = :tenant AND token_id = :token_id
  AND state = :seen_state AND generation = :seen_generation
"""
}

_UNDER_WAY: Final = """
SELECT 1 FROM enrollments e
WHERE e.tenant = :tenant AND e.subscriber = :subscriber
  AND e.state = 'ISSUED' AND e.deadline >= {now}
"""

_HINDRANCE: Final = statement(_UNDER_WAY)

# That the customer has no token is the unique index's word.
_ASSIGN: Final = statement(
    """
UPDATE tokens SET state = :becomes, subscriber = :subscriber, row_mac = :row_mac, {changed}
  AND (not_after IS NULL OR not_after > {now}) AND NOT EXISTS ({under_way})
RETURNING 1
""",
    parts={**_CHANGED, "under_way": _UNDER_WAY},
)

# Neither last_step nor drift: the next customer's first code comes after those.
_TAKE_BACK: Final = statement(
    """
UPDATE tokens SET state = :becomes, subscriber = NULL, row_mac = :row_mac, {changed}
RETURNING 1
""",
    parts=_CHANGED,
)


class SqlDesk:
    """Each call is one transaction, and goes on where its caller goes away."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    async def look(self, tenant: str, serial: str) -> StockedToken | None:
        """See `DeskStore.look`."""
        return await carried_out(self._database, lambda begun: _look(begun, tenant, serial))

    async def second_seed(self, token: Token) -> Token | None:
        """See `DeskStore.second_seed`."""
        return await carried_out(self._database, lambda begun: _second_seed(begun, token))

    async def assign(self, assigning: Assigning) -> Done | Stale | Hindered:
        """See `DeskStore.assign`."""
        try:
            return await carried_out(self._database, lambda begun: _assign(begun, assigning))
        except ConstraintViolated as violated:
            if str(violated) not in ONE_TOKEN_EACH:
                raise
            return Hindered()

    async def take_back(self, returning: Returning) -> Done | Stale:
        """See `DeskStore.take_back`."""
        return await carried_out(self._database, lambda begun: _take_back(begun, returning))

    async def condemn(self, condemning: Condemning) -> Done | Stale:
        """See `DeskStore.condemn`."""
        try:
            return await carried_out(self._database, lambda begun: _condemn(begun, condemning))
        except lives.Changed:
            return Stale()


async def _look(transaction: Transaction, tenant: str, serial: str) -> StockedToken | None:
    (rows,) = await transaction.commit(Asked(_LOOK, {"tenant": tenant, "serial": serial}))
    return _stocked(transaction.now, rows[0]) if rows else None


async def _second_seed(transaction: Transaction, token: Token) -> Token | None:
    identity = token.identity
    named = {"tenant": identity.tenant, "token_id": identity.token_id}
    (rows,) = await transaction.commit(Asked(_SECOND_SEED, named))
    if not rows:
        return None
    last_step, *row = rows[0]
    return second_token(token, tuple(row), last_step)


async def _assign(transaction: Transaction, assigning: Assigning) -> Done | Stale | Hindered:
    seen, subscriber = assigning.seen, assigning.identity.subscriber
    values = {
        **_seen(seen),
        "becomes": assigning.becomes,
        "subscriber": subscriber,
        "row_mac": assigning.row_mac,
    }
    customer = {"tenant": seen.identity.tenant, "subscriber": subscriber}
    assigned, hindrance = await transaction.run(Asked(_ASSIGN, values), Asked(_HINDRANCE, customer))
    if not assigned:
        return Hindered() if hindrance else Stale()
    await transaction.commit(_audited(seen, "ASSIGN", assigning.actor))
    return Done()


async def _take_back(transaction: Transaction, returning: Returning) -> Done | Stale:
    values = {
        **_seen(returning.seen),
        "becomes": returning.becomes,
        "row_mac": returning.row_mac,
    }
    (taken,) = await transaction.run(Asked(_TAKE_BACK, values))
    if not taken:
        return Stale()
    await transaction.commit(_audited(returning.seen, "RETURN", returning.actor))
    return Done()


async def _condemn(transaction: Transaction, condemning: Condemning) -> Done:
    seen, identity = condemning.seen, condemning.seen.identity
    held = HeldToken(identity.token_id, identity.serial, seen.state, seen.generation)
    await lives.end(transaction, identity.tenant, held, condemning.becomes)
    await transaction.commit(_audited(seen, "CONDEMN", condemning.actor))
    return Done()


def _stocked(now: int, row: Row) -> StockedToken:
    *token, not_before, not_after, manufacturer, model, since = row
    return StockedToken(
        moment(now),
        token_of(tuple(token)),
        Validity(time_of(not_before), time_of(not_after)),
        Device() if since is None else Device(manufacturer, model, date.fromisoformat(since)),
    )


def _seen(token: Token) -> dict[str, Value]:
    return {
        "tenant": token.identity.tenant,
        "token_id": token.identity.token_id,
        "seen_state": token.state,
        "seen_generation": token.generation,
    }


def _audited(token: Token, action: str, actor: str) -> Asked:
    identity = token.identity
    return audit.acted(
        audit.Act(identity.tenant, actor, action, identity.token_id, identity.serial, None, None)
    )
