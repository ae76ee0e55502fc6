# SPDX-License-Identifier: Apache-2.0
"""What every `TenantStore` must do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from kagimori.adapters.sql.tenants import SqlTenants
from kagimori.application.administration.tenants import TenantChange, TenantRow, TenantsRefused
from kagimori.domain.lifecycle import State
from support.databases.database import AnyDatabase
from support.databases.inventory import Inventory
from support.tokens import TENANT, identity, token
from support.waiting import waited

MINE = TenantChange(TENANT, "abukuma", '{"a":"あ"}', is_new=True, keeps_names_anew=False)
OTHER = replace(MINE, service_id="10112001", name="kenshin")
AGAIN = replace(MINE, is_new=False, text='{"a":2}')
ME = "os-user:me"

_ENROL = """
INSERT INTO enrollments (tenant, subscriber, user_id, state, generation, request_id, fingerprint,
                         password_key_version, tries, issued_at, deadline)
VALUES (?, 'customer', '999800000001', 'ISSUED', 1, '0192b3c4-5d6e-7f80-9123-456789abcdef', 'f',
        1, 0, 1, 2)
"""


class TenantsContract:
    @pytest.fixture(autouse=True)
    def _stores(self, database: AnyDatabase) -> None:
        self.database = database
        self.store = SqlTenants(database.open())
        self.another = SqlTenants(database.open())

    def apply(self, *changes: TenantChange, actor: str = ME) -> None:
        """Apply what was made from what is in force now."""
        seen = {row.service_id: row.generation for row in waited(self.store.load())}
        waited(self.store.apply(changes, seen, actor))

    def rows(self) -> list[TenantRow]:
        # Another process sees what was written.
        return waited(self.another.load())

    def audit(self) -> list[tuple[Any, ...]]:
        columns = "tenant, actor, action, token_id, serial, outcome"
        rows = self.database.run(f"SELECT {columns} FROM audit ORDER BY id")  # noqa: S608 - our own
        return [tuple(row.values()) for row in rows]

    def test_knows_nobody_at_first(self) -> None:
        assert self.rows() == []

    def test_keeps_tenants_with_an_audit_row_each(self) -> None:
        self.apply(MINE, OTHER)
        assert self.rows() == [
            TenantRow(OTHER.service_id, "kenshin", '{"a":"あ"}', 1),
            TenantRow(TENANT, "abukuma", '{"a":"あ"}', 1),
        ]
        assert self.audit() == [
            (TENANT, ME, "TENANT", None, None, None),
            (OTHER.service_id, ME, "TENANT", None, None, None),
        ]

    def test_says_who_applied_and_when_by_the_database_s_clock(self) -> None:
        self.apply(MINE)
        self.apply(AGAIN, actor="os-user:you")
        (row,) = self.database.run("SELECT applied_at, applied_by FROM tenants")
        (before, after) = self.database.run("SELECT at FROM audit ORDER BY id")
        assert row["applied_by"] == "os-user:you"
        assert before["at"] < after["at"] == row["applied_at"]

    def test_a_change_is_a_new_generation_and_touches_no_other_tenant(self) -> None:
        self.apply(MINE, OTHER)
        self.apply(replace(AGAIN, name="miyagi"))
        assert self.rows() == [
            TenantRow(OTHER.service_id, "kenshin", '{"a":"あ"}', 1),
            TenantRow(TENANT, "miyagi", '{"a":2}', 2),
        ]

    @pytest.mark.parametrize(
        "seen", [{}, {TENANT: 2}, {TENANT: 1, "10112001": 1}, {"10112001": 1}], ids=str
    )
    def test_what_is_not_as_it_was_seen_changes_nothing(self, seen: dict[str, int]) -> None:
        self.apply(MINE)
        with pytest.raises(TenantsRefused, match="meanwhile"):
            waited(self.store.apply([AGAIN, OTHER], seen, ME))
        assert [row.text for row in self.rows()] == [MINE.text]
        assert len(self.audit()) == 1

    def test_one_that_is_refused_takes_all_others_with_it(self) -> None:
        self.apply(MINE)
        waited_in = Inventory(self.database.open())
        waited_in.add([token(identity(subscriber=None), state=State.IN_STOCK)], "importer")
        with pytest.raises(TenantsRefused, match="subscriber_names"):
            self.apply(OTHER, replace(AGAIN, keeps_names_anew=True))
        assert [row.service_id for row in self.rows()] == [TENANT]
        assert [line[2] for line in self.audit()] == ["TENANT", "IMPORT"]

    def test_of_two_who_apply_at_once_one_is_refused(self) -> None:
        self.apply(MINE, OTHER)
        seen = {TENANT: 1, OTHER.service_id: 1}
        # Each changes another row: neither would notice the other by its own.
        one, two = AGAIN, replace(AGAIN, service_id=OTHER.service_id, name=OTHER.name)

        async def both() -> Sequence[BaseException | None]:
            return await asyncio.gather(
                self.store.apply([one], seen, ME),
                self.another.apply([two], seen, ME),
                return_exceptions=True,
            )

        for _ in range(10):
            ends = waited(both())
            assert sorted(map(type, ends), key=str) == [type(None), TenantsRefused]
            assert sum(row.generation for row in self.rows()) == 1 + sum(seen.values())
            seen = {row.service_id: row.generation for row in self.rows()}

    @pytest.mark.parametrize("is_new", [True, False])
    def test_names_are_not_kept_anew_where_a_customer_is_enrolled(self, *, is_new: bool) -> None:
        if not is_new:
            self.apply(MINE)
        self.database.run(_ENROL, TENANT)
        changed = replace(MINE if is_new else AGAIN, keeps_names_anew=True)
        with pytest.raises(TenantsRefused, match=r"^abukuma: subscriber_names cannot change"):
            self.apply(changed)
        self.apply(replace(changed, keeps_names_anew=False))

    def test_names_are_kept_anew_where_only_others_have_customers(self) -> None:
        self.apply(MINE)
        self.database.run(_ENROL, OTHER.service_id)
        self.apply(replace(AGAIN, keeps_names_anew=True))
        assert [row.generation for row in self.rows()] == [2]
