# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `TenantStore`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kagimori.adapters.sql.database import Asked, Database, Transaction, transacted
from kagimori.adapters.sql.dialect import Statement, statement
from kagimori.application.administration.tenants import TenantChange, TenantRow, TenantsRefused

_LOAD: Final = statement(
    "SELECT t.service_id, t.name, t.policy, t.generation FROM tenants t ORDER BY t.service_id"
)

# Nobody applies meanwhile, and nobody who reads has to wait. SQLite has one writer.
_ALONE: Final = Statement(
    sqlite="SELECT 1",
    reread=None,
    postgresql="LOCK TABLE tenants IN SHARE ROW EXCLUSIVE MODE",
    common=(),
)

_HAS_NAMES: Final = statement(
    """
SELECT 1 WHERE EXISTS (SELECT 1 FROM tokens t WHERE t.tenant = :service_id)
OR EXISTS (SELECT 1 FROM enrollments e WHERE e.tenant = :service_id)
"""
)

_ADD: Final = statement(
    """
INSERT INTO tenants (service_id, name, policy, generation, applied_at, applied_by)
VALUES (:service_id, :name, :policy, 1, {now}, :actor)
"""
)

_CHANGE: Final = statement(
    """
UPDATE tenants SET name = :name, policy = :policy, generation = generation + 1,
       applied_at = {now}, applied_by = :actor
WHERE service_id = :service_id
"""
)

_AUDIT: Final = statement(
    """
INSERT INTO audit (at, tenant, actor, action) VALUES ({now}, :service_id, :actor, 'TENANT')
"""
)


class SqlTenants:
    """The tenants in force; whoever applies does so alone."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    async def load(self) -> list[TenantRow]:
        """See `TenantStore.load`."""
        (rows,) = await transacted(self._database, lambda begun: begun.commit(Asked(_LOAD)))
        return [TenantRow(*row) for row in rows]

    async def apply(
        self, changes: Sequence[TenantChange], seen: Mapping[str, int], actor: str
    ) -> None:
        """See `TenantStore.apply`."""
        await transacted(self._database, lambda begun: _apply(begun, changes, seen, actor))


async def _apply(
    transaction: Transaction, changes: Sequence[TenantChange], seen: Mapping[str, int], actor: str
) -> None:
    _, rows = await transaction.run(Asked(_ALONE), Asked(_LOAD))
    if {service_id: generation for service_id, _, _, generation in rows} != dict(seen):
        raise TenantsRefused("somebody else has applied tenants meanwhile; look at it again")
    for change in changes:
        if change.keeps_names_anew:
            await _refuse_orphans(transaction, change)
    written = [asked for change in changes for asked in _written(change, actor)]
    await transaction.commit(*written)


async def _refuse_orphans(transaction: Transaction, change: TenantChange) -> None:
    asked = Asked(_HAS_NAMES, {"service_id": change.service_id})
    (has_names,) = await transaction.run(asked)
    if has_names:
        raise TenantsRefused(
            f"{change.name}: subscriber_names cannot change any more: there are tokens or "
            "enrolments, whose customers would not be found again"
        )


def _written(change: TenantChange, actor: str) -> tuple[Asked, Asked]:
    values = {
        "service_id": change.service_id,
        "name": change.name,
        "policy": change.text,
        "actor": actor,
    }
    return Asked(_ADD if change.is_new else _CHANGE, values), Asked(_AUDIT, values)
