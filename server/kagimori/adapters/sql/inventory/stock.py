# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `Stock`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from typing import Final
from uuid import uuid4

from kagimori.adapters.sql import audit
from kagimori.adapters.sql.database import (
    Asked,
    ConstraintViolated,
    Database,
    Transaction,
    Value,
    carried_out,
)
from kagimori.adapters.sql.dialect import Returning, statement
from kagimori.adapters.sql.enrollment.customers import ONE_TOKEN_EACH
from kagimori.adapters.sql.rows import COLUMNS, values_of
from kagimori.adapters.sql.times import microseconds_of, moment
from kagimori.application.deliveries.ports import Added, Delivery, Duplicate, Known, NewToken
from kagimori.domain.errors import InvalidField

_BEGIN: Final = statement(
    """
INSERT INTO deliveries (tenant, delivery_id, digest, vendor, actor, begun_at)
VALUES (:tenant, :delivery_id, :digest, :vendor, :actor, {now})
ON CONFLICT (tenant, digest) DO NOTHING
"""
)

_BEGUN: Final = statement(
    "SELECT v.delivery_id FROM deliveries v WHERE v.tenant = :tenant AND v.digest = :digest"
)

_FINISH: Final = statement(
    """
UPDATE deliveries SET finished_at = {now}
WHERE tenant = :tenant AND delivery_id = :delivery_id AND finished_at IS NULL
"""
)

_FINISHED: Final = statement(
    """
SELECT v.finished_at FROM deliveries v
WHERE v.tenant = :tenant AND v.delivery_id = :delivery_id
"""
)

_KNOWN: Final = statement(
    """
{batch}
SELECT t.serial,
  (SELECT d.delivery_id FROM devices d WHERE d.tenant = t.tenant AND d.token_id = t.token_id)
FROM tokens t {and_batch} WHERE t.tenant = b.tenant AND t.serial = b.serial
""",
    batch={"tenant": "text", "serial": "text"},
)

_TOKEN_TYPES: Final = {
    "digits": "integer",
    "period": "integer",
    "t0": "bigint",
    "seed_length": "integer",
    "key_version": "integer",
    "blob": "bytea",
    "row_mac": "bytea",
    "last_step": "bigint",
    "drift": "integer",
    "generation": "integer",
    "not_before": "bigint",
    "not_after": "bigint",
}
_NEW: Final = (*COLUMNS, "not_before", "not_after")

_ADD: Final = statement(
    """
{batch}
INSERT INTO tokens ({columns})
SELECT {values}
{from_batch}
WHERE true
ON CONFLICT (tenant, serial) DO NOTHING
{returning}
""",
    batch={column: _TOKEN_TYPES.get(column, "text") for column in _NEW},
    parts={
        "columns": ", ".join(_NEW),
        "values": ", ".join(f"b.{column}" for column in _NEW),
    },
    returning=Returning(
        "tokens.tenant, tokens.serial", "FROM tokens WHERE rowid = last_insert_rowid()"
    ),
)

_ADD_DEVICE: Final = statement(
    """
{batch}
INSERT INTO devices (tenant, token_id, delivery_id, manufacturer, model, since, imported_at)
SELECT b.tenant, b.token_id, :delivery_id, b.manufacturer, b.model, b.since, {now}
{from_batch}
""",
    batch={
        "tenant": "text",
        "token_id": "text",
        "manufacturer": "text",
        "model": "text",
        "since": "date",
    },
)

_CONDEMN: Final = statement(
    """
{batch}
UPDATE tokens SET
  state = 'DEFECTIVE', blob = :empty, row_mac = :empty,
  lease = NULL, lease_until = NULL, generation = tokens.generation + 1
{from_batch}
WHERE tokens.tenant = b.at AND tokens.serial = b.wanted AND tokens.state = 'IN_STOCK'
  AND EXISTS (SELECT 1 FROM devices d
              WHERE d.tenant = tokens.tenant AND d.token_id = tokens.token_id
                AND d.delivery_id = :delivery_id)
RETURNING tenant, token_id, serial
""",
    batch={"at": "text", "wanted": "text"},
)


class SqlStock:
    """Each call is one transaction, and goes on where its caller goes away."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    async def begin(self, delivery: Delivery) -> str:
        """See `Stock.begin`."""
        values: dict[str, Value] = {
            "tenant": delivery.tenant,
            "delivery_id": uuid4().hex,
            "digest": delivery.digest.hex(),
            "vendor": delivery.vendor,
            "actor": delivery.actor,
        }
        asked = Asked(_BEGIN, values), Asked(_BEGUN, values)
        _, ((delivery_id,),) = await carried_out(self._database, lambda begun: begun.commit(*asked))
        return str(delivery_id)

    async def known(self, tenant: str, serials: Sequence[str]) -> dict[str, Known]:
        """See `Stock.known`."""
        asked = Asked(_KNOWN, {}, [(tenant, serial) for serial in serials])
        (rows,) = await carried_out(self._database, lambda begun: begun.commit(asked))
        return {serial: Known(serial, delivery_id) for serial, delivery_id in rows}

    async def add(
        self, delivery_id: str, tokens: Sequence[NewToken], actor: str
    ) -> list[Added | Duplicate]:
        """See `Stock.add`."""
        adding = partial(_add, delivery_id=delivery_id, tokens=tokens, actor=actor)
        # Another import may bring the same token to the same customer at this moment: once
        # that is done, it is a duplicate and nothing else.
        for _ in range(2):
            try:
                return await carried_out(self._database, adding)
            except ConstraintViolated as violated:
                if str(violated) not in ONE_TOKEN_EACH:
                    raise
        raise InvalidField("subscriber_ref", "has a token already")

    async def condemn(
        self, tenant: str, delivery_id: str, serials: Sequence[str], actor: str
    ) -> set[str]:
        """See `Stock.condemn`."""
        # In one order, so that two who condemn the same tokens take turns.
        named = [(tenant, serial) for serial in sorted(set(serials))]
        asked = Asked(_CONDEMN, {"empty": b"", "delivery_id": delivery_id}, named)

        async def work(begun: Transaction) -> set[str]:
            (rows,) = await begun.run(asked)
            await begun.commit(audit.listed("CONDEMN", rows, actor))
            return {serial for _, _, serial in rows}

        return await carried_out(self._database, work)

    async def finish(self, tenant: str, delivery_id: str) -> datetime:
        """See `Stock.finish`."""
        values: dict[str, Value] = {"tenant": tenant, "delivery_id": delivery_id}
        asked = Asked(_FINISH, values), Asked(_FINISHED, values)
        _, ((finished_at,),) = await carried_out(self._database, lambda begun: begun.commit(*asked))
        return moment(finished_at)


_Key = tuple[str, str]
"""A token's name: tenant and serial."""


async def _add(
    transaction: Transaction, delivery_id: str, tokens: Sequence[NewToken], actor: str
) -> list[Added | Duplicate]:
    # Of a serial that comes twice the first is looked at.
    first: dict[_Key, NewToken] = {}
    for new in tokens:
        first.setdefault(_key(new), new)
    # In one order, so that two imports of the same tokens take turns.
    rows = [_row(first[key]) for key in sorted(first)]
    (given,) = await transaction.run(Asked(_ADD, {}, rows))
    added = {(tenant, serial) for tenant, serial in given}
    news = [new for key, new in first.items() if key in added]
    # A file may not say from when a battery is counted.
    today = moment(transaction.now).date()
    await transaction.commit(
        Asked(_ADD_DEVICE, {"delivery_id": delivery_id}, [_device(new, today) for new in news]),
        audit.listed("IMPORT", [_named(new) for new in news], actor),
    )
    return _answers(tokens, added)


def _key(new: NewToken) -> _Key:
    return new.token.identity.tenant, new.token.identity.serial


def _named(new: NewToken) -> tuple[str, str, str]:
    identity = new.token.identity
    return identity.tenant, identity.token_id, identity.serial


def _row(new: NewToken) -> tuple[Value, ...]:
    since, until = new.validity.not_before, new.validity.not_after
    return (*values_of(new.token).values(), microseconds_of(since), microseconds_of(until))


def _device(new: NewToken, today: date) -> tuple[Value, ...]:
    identity, device = new.token.identity, new.device
    since = (device.since or today).isoformat()
    return identity.tenant, identity.token_id, device.manufacturer, device.model, since


def _answers(tokens: Sequence[NewToken], added: set[_Key]) -> list[Added | Duplicate]:
    """Return what became of each; ``added`` is used up by it."""
    answers: list[Added | Duplicate] = []
    for new in tokens:
        key = _key(new)
        answers.append((Added if key in added else Duplicate)(new.token.identity.serial))
        added.discard(key)
    return answers
