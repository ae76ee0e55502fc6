# SPDX-License-Identifier: Apache-2.0
"""The tenants in force: followed by whoever serves, changed by an administrator."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import structlog

from kagimori import config as configuration
from kagimori.adapters.sql.tenants import SqlTenants
from kagimori.application.administration import tenants as administration
from kagimori.application.administration.tenants import Plan, TenantRow, TenantWanted
from kagimori.bootstrap.parts import opened_database
from kagimori.bootstrap.record import keyed_tenants
from kagimori.bootstrap.refusals import StartError
from kagimori.config import Config, ConfigError
from kagimori.domain.errors import StoreUnavailable
from kagimori.domain.tenant import TenantPolicy

_LOG: Final = structlog.get_logger("kagimori.tenants")

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the database."""

_NOBODY: Final = "the database knows no tenant: run `kagimori tenants apply`"


class LiveTenants(Mapping[str, TenantPolicy]):
    """The rules in force, by service ID, as they were when last looked at.

    They change as a whole and between two steps of the event loop. Where ``keyed``
    says which service IDs the HSM has keys for, the others are left out.
    """

    def __init__(self, store: SqlTenants, keyed: frozenset[str] | None) -> None:
        """Know nobody yet; see `begin`. A process without an HSM gives None."""
        self._store = store
        self._keyed = keyed
        self._rows: dict[str, TenantRow] = {}
        self._policies: dict[str, TenantPolicy] = {}
        self._is_away = False

    def __getitem__(self, service_id: str) -> TenantPolicy:
        return self._policies[service_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __len__(self) -> int:
        return len(self._policies)

    def __contains__(self, service_id: object) -> bool:
        return service_id in self._policies

    async def begin(self) -> None:
        """Look for the first time; raise `StartError` if there is nobody to serve."""
        try:
            rows = {row.service_id: row for row in await self._store.load()}
        except StoreUnavailable as error:
            raise StartError(str(error)) from None
        if not rows:
            raise StartError(_NOBODY)
        if self._keyed is not None and not self._keyed & set(rows):
            raise StartError(f"the ceremony made no keys for {', '.join(sorted(rows))}")
        for row in rows.values():
            _policy_or_refusal(row)
        self._take(rows)

    async def follow(self) -> NoReturn:
        """Look again and again, until cancelled; an outage leaves the last rules in force."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.look()

    async def look(self) -> None:
        """Look once."""
        try:
            rows = {row.service_id: row for row in await self._store.load()}
        except Exception as error:  # noqa: BLE001 - whatever it is, serving goes on
            if not self._is_away:
                _LOG.warning("tenants cannot be read; the last ones stay", error=str(error))
            self._is_away = True
            return
        self._is_away = False
        if rows != self._rows:
            self._take(rows)

    def _take(self, rows: dict[str, TenantRow]) -> None:
        before, self._rows = self._rows, rows
        policies = {}
        for service_id, row in rows.items():
            is_known = before.get(service_id) == row
            policy = self._policies.get(service_id) if is_known else self._read(row, before)
            if policy is not None:
                policies[service_id] = policy
        for service_id in self._policies.keys() - rows.keys():
            _LOG.warning("tenant is gone", tenant=service_id)
        self._policies = policies

    def _read(self, row: TenantRow, before: Mapping[str, TenantRow]) -> TenantPolicy | None:
        """Return a new row's rules, or those before where they cannot be read."""
        if self._keyed is not None and row.service_id not in self._keyed:
            _LOG.warning("tenant left out: the HSM has no keys for it", tenant=row.service_id)
            return None
        try:
            policy = configuration.policy_of(row.name, row.text)
        except ConfigError as error:
            _LOG.error("tenant's rules cannot be read", tenant=row.service_id, error=str(error))
            return self._policies.get(row.service_id)
        if before:
            _LOG.info("tenant's rules changed", tenant=row.service_id, generation=row.generation)
        return policy


@dataclass(frozen=True, slots=True)
class TenantDesk:
    """Where an administrator looks at the tenants in force and changes them.

    For one thread without an event loop. Every method may raise `StoreUnavailable`.
    """

    store: SqlTenants
    keyed: frozenset[str]

    def rows(self) -> list[TenantRow]:
        """Return the tenants in force, by service ID."""
        return asyncio.run(self.store.load())

    def plan(self, file: Path) -> Plan:
        """Return what the tenants' ``file`` would change.

        Raises `ConfigError` or `TenantsRefused` if it cannot be applied.
        """
        sections = configuration.read_tenants(file)
        wanted = [
            TenantWanted(section.policy(name), section.text()) for name, section in sections.items()
        ]
        return administration.plan(wanted, self.rows(), self.keyed)

    def apply(self, plan: Plan, actor: str) -> None:
        """Put ``plan`` in force, all or nothing; raise `TenantsRefused`."""
        asyncio.run(self.store.apply(plan.changes, plan.seen, actor))


@contextmanager
def tenant_desk(config: Config) -> Iterator[TenantDesk]:
    """Open the database for an administrator; no PIN is asked for. Raises `StartError`."""
    keyed = keyed_tenants(config.hsm.ceremony_record)
    with opened_database(config) as database:
        yield TenantDesk(SqlTenants(database), keyed)


def tenants_in_force(config: Config) -> dict[str, TenantPolicy]:
    """Return the rules in force by the tenants' names, for a process that ends soon.

    Raises `StartError` if there are none, or one of them cannot be read.
    """
    with opened_database(config) as database:
        try:
            rows = asyncio.run(SqlTenants(database).load())
        except StoreUnavailable as error:
            raise StartError(str(error)) from None
    if not rows:
        raise StartError(_NOBODY)
    return {row.name: _policy_or_refusal(row) for row in rows}


def _policy_or_refusal(row: TenantRow) -> TenantPolicy:
    try:
        return configuration.policy_of(row.name, row.text)
    except ConfigError as error:
        raise StartError(str(error)) from None
