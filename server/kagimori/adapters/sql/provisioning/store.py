# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `ProvisioningStore`."""

from __future__ import annotations

from typing import Final

from kagimori.adapters.sql.database import Asked, Database, Row, Transaction, Value, transacted
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.provisioning import sealed
from kagimori.adapters.sql.rows import COLUMNS, values_of
from kagimori.application.enrollment.ports import SealedPassword
from kagimori.application.provisioning.store import (
    Before,
    GivenBack,
    NewToken,
    Otherwise,
    Provisioning,
    SetUpBefore,
    Tried,
)
from kagimori.domain.enrollment import EnrollmentState
from kagimori.domain.token import Hash, MovingFactor, Profile

_CLAIM: Final = statement(
    """
UPDATE enrollments SET tries = tries + 1
WHERE tenant = :tenant AND user_id = :user_id AND tries < :tries
  AND (state = 'ISSUED' OR state = 'PROVISIONED')
RETURNING subscriber, state, generation, password_hash, password_key_version,
          CASE WHEN deadline < {now} THEN 1 ELSE 0 END, token_id
"""
)

_VOID: Final = """
UPDATE enrollments
SET state = 'VOID', password_hash = NULL, mail_address = NULL, generation = generation + 1
WHERE tenant = :tenant AND user_id = :user_id AND state = 'ISSUED'
"""
_VOID_USED_UP: Final = statement(f"{_VOID} AND tries >= :tries RETURNING 1")
_VOID_EXPIRED: Final = statement(
    f"{_VOID} AND generation = :generation AND deadline < {{now}} RETURNING 1"
)

_GIVE_BACK: Final = statement(
    """
UPDATE enrollments SET tries = tries - 1
WHERE tenant = :tenant AND user_id = :user_id AND generation = :generation AND tries > 0
"""
)

_STATE: Final = statement(
    """
SELECT e.state, t.serial, t.factor, t.hash, t.digits, t.period, t.t0,
  (SELECT COUNT(*) FROM envelopes s
   WHERE s.tenant = e.tenant AND s.token_id = e.token_id
     AND (s.digest = :login OR s.digest = :signing))
FROM enrollments e
LEFT JOIN tokens t ON t.tenant = e.tenant AND t.token_id = e.token_id
WHERE e.tenant = :tenant AND e.user_id = :user_id
"""
)

_PROVISION: Final = statement(
    """
UPDATE enrollments
SET state = 'PROVISIONED', token_id = :token_id, tries = 0, generation = generation + 1
WHERE tenant = :tenant AND user_id = :user_id AND state = 'ISSUED' AND generation = :generation
RETURNING 1
"""
)

# Whichever rule is in the way; the next statement tells which.
_ADD_TOKEN: Final = statement(
    "INSERT INTO tokens ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING RETURNING 1",
    parts={
        "columns": ", ".join(COLUMNS),
        "values": ", ".join(f":{column}" for column in COLUMNS),
    },
)

_LIVE: Final = statement(
    """
SELECT 1 FROM tokens
WHERE tenant = :tenant AND subscriber = :subscriber AND token_id <> :token_id
"""
)

_AUDIT: Final = statement(
    """
INSERT INTO audit (at, tenant, actor, action, token_id, serial, outcome, user_id)
VALUES ({now}, :tenant, 'app', 'PROVISION', :token_id, :serial, :outcome, :user_id)
"""
)

_BOTH: Final = 2


class _Undo(Exception):
    """Leaves a transaction so that nothing of it is kept."""

    def __init__(self, answer: Provisioning) -> None:
        super().__init__(answer)
        self.answer = answer


class SqlProvisioningStore:
    """Enrolments on their way to a token."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    async def ping(self) -> None:
        """Return if the database answers a write transaction."""
        await self._database.ping()

    async def claim(self, tenant: str, user_id: str, tries: int) -> Tried | None:
        """See `ProvisioningStore.claim`."""
        asked = Asked(_CLAIM, {"tenant": tenant, "user_id": user_id, "tries": tries})
        (rows,) = await transacted(self._database, lambda begun: begun.commit(asked))
        return _tried_of(tenant, user_id, rows[0]) if rows else None

    async def refuse(self, tenant: str, user_id: str, tries: int) -> None:
        """See `ProvisioningStore.refuse`."""
        values: dict[str, Value] = {"tenant": tenant, "user_id": user_id, "tries": tries}

        async def work(begun: Transaction) -> None:
            (void,) = await begun.run(Asked(_VOID_USED_UP, values))
            await begun.commit(_audited(tenant, user_id, "VOID" if void else "REFUSED"))

        await transacted(self._database, work)

    async def expire(self, tried: Tried) -> None:
        """See `ProvisioningStore.expire`."""
        asked = (
            Asked(_VOID_EXPIRED, _row_of(tried)),
            _audited(tried.tenant, tried.user_id, "EXPIRED"),
        )
        await transacted(self._database, lambda begun: begun.commit(*asked))

    async def give_back(self, tried: Tried, why: GivenBack) -> None:
        """See `ProvisioningStore.give_back`."""
        asked = (
            Asked(_GIVE_BACK, _row_of(tried)),
            _audited(tried.tenant, tried.user_id, why),
        )
        await transacted(self._database, lambda begun: begun.commit(*asked))

    async def before(self, tried: Tried, login_digest: str, signing_digest: str) -> Before:
        """See `ProvisioningStore.before`."""
        digests = {"login": login_digest, "signing": signing_digest}
        asked = Asked(_STATE, {**_row_of(tried), **digests})
        (rows,) = await transacted(self._database, lambda begun: begun.commit(asked))
        return _before_of(rows[0]) if rows else Otherwise.GONE

    async def provision(self, tried: Tried, new: NewToken) -> Provisioning:
        """See `ProvisioningStore.provision`."""
        try:
            await transacted(self._database, lambda begun: _provision(begun, tried, new))
        except _Undo as undo:
            return undo.answer
        return Provisioning.DONE


async def _provision(transaction: Transaction, tried: Tried, new: NewToken) -> None:
    identity = new.login.identity
    named: dict[str, Value] = {"tenant": identity.tenant, "token_id": identity.token_id}
    used = {
        new.login_digest: Provisioning.LOGIN_ENVELOPE_USED,
        new.signing_digest: Provisioning.SIGNING_ENVELOPE_USED,
    }
    ours, added, live, _, *envelopes = await transaction.run(
        Asked(_PROVISION, {**_row_of(tried), "token_id": identity.token_id}),
        Asked(_ADD_TOKEN, values_of(new.login)),
        Asked(_LIVE, {**named, "subscriber": identity.subscriber}),
        sealed.signing_seed(new),
        *sealed.envelopes(new),
    )
    if not ours:
        raise _Undo(Provisioning.OVERTAKEN)
    if not added:
        raise _Undo(Provisioning.LIVE_TOKEN if live else Provisioning.SERIAL_TAKEN)
    for digest, is_new in zip(sealed.digests(new), envelopes, strict=True):
        if not is_new:
            raise _Undo(used[digest])
    told = _audited(tried.tenant, tried.user_id, "PROVISIONED", identity.token_id, identity.serial)
    await transaction.commit(told)


def _row_of(tried: Tried) -> dict[str, Value]:
    return {"tenant": tried.tenant, "user_id": tried.user_id, "generation": tried.generation}


def _audited(
    tenant: str, user_id: str, outcome: str, token_id: str | None = None, serial: str | None = None
) -> Asked:
    """Return what writes down that an activation password was tried."""
    values: dict[str, Value] = {
        "tenant": tenant,
        "user_id": user_id,
        "outcome": outcome,
        "token_id": token_id,
        "serial": serial,
    }
    return Asked(_AUDIT, values)


def _tried_of(tenant: str, user_id: str, row: Row) -> Tried:
    subscriber, state, generation, hash_, key_version, expired, token_id = row
    return Tried(
        tenant,
        user_id,
        subscriber,
        EnrollmentState(state),
        generation,
        None if hash_ is None else SealedPassword(hash_, key_version),
        bool(expired),
        token_id,
    )


def _before_of(row: Row) -> Before:
    state, serial, factor, hash_, digits, period, t0, envelopes = row
    if state != EnrollmentState.PROVISIONED:
        return Otherwise.GONE
    if envelopes != _BOTH:
        return Otherwise.BY_OTHERS
    return SetUpBefore(serial, Profile(MovingFactor(factor), Hash(hash_), digits, period, t0))
