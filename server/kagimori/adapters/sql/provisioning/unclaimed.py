# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `UnclaimedTokens`.

A token that an app has made before its customer is known has a ``not_before``: when
it was made. No other software token has one. Until ``not_after`` it waits; whoever
takes it takes that away.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from kagimori.adapters.sql import audit
from kagimori.adapters.sql.database import Asked, Database, Row, Transaction, Value, transacted
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.provisioning import sealed
from kagimori.adapters.sql.rows import COLUMNS, values_of
from kagimori.adapters.sql.times import moment, span_of
from kagimori.application.provisioning.store import NewToken
from kagimori.application.provisioning.unclaimed import MadeBefore, NotMade
from kagimori.domain.token import Hash, MovingFactor, Profile

SWEPT: Final = 4
"""Tokens that end with each new one: more than one, so that none is left in the end."""

_BOTH: Final = 2

_BEFORE: Final = statement(
    """
SELECT e.digest, t.token_id, t.serial, t.factor, t.hash, t.digits, t.period, t.t0,
  COALESCE(t.not_after, t.not_before + :wait),
  CASE WHEN t.not_before IS NOT NULL
    AND (t.subscriber IS NOT NULL OR (t.state = 'IN_STOCK' AND t.not_after > {now}))
  THEN 1 ELSE 0 END
FROM envelopes e
LEFT JOIN tokens t ON t.tenant = e.tenant AND t.token_id = e.token_id AND t.kind = 'SOFTWARE'
WHERE e.tenant = :tenant AND (e.digest = :login OR e.digest = :signing)
"""
)

# By the index of those that wait: SQLite would rather look at all of the tenant's
# tokens, of which a million may be hardware.
_WAITING: Final = statement(
    """
SELECT COUNT(*) FROM tokens
WHERE kind = 'SOFTWARE' AND state = 'IN_STOCK' AND not_after > {now}
  AND tenant || '' = :tenant
"""
)

# Whichever rule is in the way: both say that the name is taken.
_ADD: Final = statement(
    """
INSERT INTO tokens ({columns}, not_before, not_after) VALUES ({values}, {now}, {now} + :wait)
ON CONFLICT DO NOTHING RETURNING not_after
""",
    parts={
        "columns": ", ".join(COLUMNS),
        "values": ", ".join(f":{column}" for column in COLUMNS),
    },
)

# Once and for all before the update: PostgreSQL might else look for more than so many.
# A token that somebody is about to register is left to him, as is one that another
# transaction has in hand.
_SWEEP: Final = statement(
    """
WITH over AS MATERIALIZED (
  SELECT tenant AS of_tenant, token_id AS of_token FROM tokens
  WHERE kind = 'SOFTWARE' AND state = 'IN_STOCK' AND not_after <= {now}
    AND (lease_until IS NULL OR lease_until <= {now})
  ORDER BY not_after LIMIT :most {any_unlocked})
UPDATE tokens SET
  state = 'RETIRED', blob = :empty, row_mac = :empty,
  lease = NULL, lease_until = NULL, generation = generation + 1
FROM over WHERE tenant = of_tenant AND token_id = of_token
RETURNING tenant, token_id, serial
"""
)


class _Undo(Exception):
    """Leaves a transaction so that nothing of it is kept."""

    def __init__(self, answer: NotMade) -> None:
        super().__init__(answer)
        self.answer = answer


class SqlUnclaimedTokens:
    """An app's tokens that wait for their customers."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    async def before(
        self, tenant: str, login_digest: str, signing_digest: str, wait: timedelta
    ) -> MadeBefore | NotMade | None:
        """See `UnclaimedTokens.before`."""
        values: dict[str, Value] = {
            "tenant": tenant,
            "login": login_digest,
            "signing": signing_digest,
            "wait": span_of(wait),
        }
        asked = Asked(_BEFORE, values)
        (rows,) = await transacted(self._database, lambda begun: begun.commit(asked))
        return _before_of(rows, login_digest) if rows else None

    async def waiting(self, tenant: str) -> int:
        """See `UnclaimedTokens.waiting`."""
        asked = Asked(_WAITING, {"tenant": tenant})
        (rows,) = await transacted(self._database, lambda begun: begun.commit(asked))
        count: int = rows[0][0]
        return count

    async def add(self, new: NewToken, wait: timedelta) -> datetime | NotMade:
        """See `UnclaimedTokens.add`."""
        try:
            until = await transacted(self._database, lambda begun: _add(begun, new, wait))
        except _Undo as undo:
            return undo.answer
        return moment(until)


async def _add(transaction: Transaction, new: NewToken, wait: timedelta) -> int:
    identity = new.login.identity
    added, _, *envelopes = await transaction.run(
        Asked(_ADD, {**values_of(new.login), "wait": span_of(wait)}),
        sealed.signing_seed(new),
        *sealed.envelopes(new),
    )
    if not added:
        raise _Undo(NotMade.SERIAL_TAKEN)
    for digest, is_new in zip(sealed.digests(new), envelopes, strict=True):
        if not is_new:
            raise _Undo(_used(digest == new.login_digest))
    (swept,) = await transaction.run(Asked(_SWEEP, {"most": SWEPT, "empty": b""}))
    made = audit.Act(
        identity.tenant, "app", "PROVISION_NEW", identity.token_id, identity.serial, None, None
    )
    await transaction.commit(audit.acted(made), *_ended(swept))
    ((until,),) = added
    microseconds: int = until
    return microseconds


def _ended(swept: Sequence[Row]) -> list[Asked]:
    """Return what destroys the second seeds of tokens that were swept, and writes it down."""
    if not swept:
        return []
    seeds = [sealed.destruction(tenant, token_id) for tenant, token_id, _ in swept]
    return [*seeds, audit.listed("EXPIRE", [*map(_named, swept)], "authority")]


def _named(row: Row) -> tuple[str, str, str]:
    tenant, token_id, serial = row
    return tenant, token_id, serial


def _before_of(rows: Sequence[Row], login_digest: str) -> MadeBefore | NotMade:
    token_ids = {token_id for _, token_id, *_ in rows}
    _, _, serial, factor, hash_, digits, period, t0, until, lives = rows[0]
    if len(rows) != _BOTH or len(token_ids) != 1 or not lives:
        return _used(any(digest == login_digest for digest, *_ in rows))
    profile = Profile(MovingFactor(factor), Hash(hash_), digits, period, t0)
    return MadeBefore(serial, profile, moment(until))


def _used(is_login: bool) -> NotMade:  # noqa: FBT001 - read at its two calls
    return NotMade.LOGIN_ENVELOPE_USED if is_login else NotMade.SIGNING_ENVELOPE_USED
