# SPDX-License-Identifier: Apache-2.0
"""The tenants that a process serves are those in force, on both databases, without a restart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from kagimori import config
from kagimori.adapters.sql.tenants import SqlTenants
from kagimori.application.administration.tenants import TenantChange
from kagimori.bootstrap import StartError
from kagimori.bootstrap.tenants import LiveTenants
from support.databases.database import AnyDatabase
from support.waiting import waited

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = config.read_tenants(ROOT / "config" / "tenants.toml")
ABUKUMA, KENSHIN = "20160003", "10112001"
NAMES = {ABUKUMA: "abukuma", KENSHIN: "kenshin"}
BOTH = frozenset(NAMES)


@pytest.fixture
def live(database: AnyDatabase) -> LiveTenants:
    """Begin with abukuma in force."""
    put(database, ABUKUMA)
    followed = LiveTenants(SqlTenants(database.open()), BOTH)
    waited(followed.begin())
    return followed


def put(database: AnyDatabase, service_id: str, **rules: Any) -> None:  # noqa: ANN401 - any rule
    """Put a shipped tenant in force, with other ``rules``, as another process would."""
    store = SqlTenants(database.open())
    rows = {row.service_id: row.generation for row in waited(store.load())}
    name = NAMES[service_id]
    text = json.dumps({**json.loads(SECTIONS[name].text()), **rules})
    change = TenantChange(service_id, name, text, service_id not in rows, keeps_names_anew=False)
    waited(store.apply([change], rows, "os-user:me"))


def looked(live: LiveTenants) -> list[tuple[str, Any]]:
    """Look once; return what was logged: the event and its tenant."""
    with capture_logs() as lines:
        waited(live.look())
    return [(line["event"], line.get("tenant")) for line in lines]


def test_they_are_the_rules_of_the_file_at_first(live: LiveTenants) -> None:
    assert dict(live) == {ABUKUMA: SECTIONS["abukuma"].policy("abukuma")}
    assert (len(live), ABUKUMA in live, KENSHIN in live) == (1, True, False)


def test_a_rule_that_changes_is_followed_and_told_once(
    live: LiveTenants, database: AnyDatabase
) -> None:
    put(database, ABUKUMA, limits={"consecutive": 2})
    assert live[ABUKUMA].limits.consecutive == 5
    assert looked(live) == [("tenant's rules changed", ABUKUMA)]
    assert live[ABUKUMA].limits.consecutive == 2
    assert looked(live) == []


def test_a_tenant_that_comes_is_served_and_the_others_rules_are_the_same_objects(
    live: LiveTenants, database: AnyDatabase
) -> None:
    before = live[ABUKUMA]
    put(database, KENSHIN)
    assert looked(live) == [("tenant's rules changed", KENSHIN)]
    assert live[KENSHIN] == SECTIONS["kenshin"].policy("kenshin")
    assert live[ABUKUMA] is before


def test_who_walks_through_them_sees_one_state(live: LiveTenants, database: AnyDatabase) -> None:
    walk = iter(live)
    put(database, KENSHIN)
    waited(live.look())
    assert list(walk) == [ABUKUMA]


def test_rules_that_cannot_be_read_leave_the_last_ones(
    live: LiveTenants, database: AnyDatabase
) -> None:
    put(database, ABUKUMA, colour="red")
    assert looked(live) == [("tenant's rules cannot be read", ABUKUMA)]
    assert live[ABUKUMA] == SECTIONS["abukuma"].policy("abukuma")
    assert looked(live) == []
    put(database, ABUKUMA, limits={"consecutive": 3})
    assert looked(live) == [("tenant's rules changed", ABUKUMA)]
    assert live[ABUKUMA].limits.consecutive == 3


def test_a_tenant_that_somebody_took_away_is_not_served(
    live: LiveTenants, database: AnyDatabase
) -> None:
    put(database, KENSHIN)
    waited(live.look())
    database.run("DELETE FROM tenants WHERE service_id = ?", KENSHIN)
    assert looked(live) == [("tenant is gone", KENSHIN)]
    assert list(live) == [ABUKUMA]


def test_a_tenant_without_keys_is_left_out_and_told_once(database: AnyDatabase) -> None:
    for service_id in NAMES:
        put(database, service_id)
    followed = LiveTenants(SqlTenants(database.open()), frozenset({ABUKUMA}))
    with capture_logs() as lines:
        waited(followed.begin())
    assert [line["tenant"] for line in lines] == [KENSHIN]
    assert "no keys" in lines[0]["event"]
    assert list(followed) == [ABUKUMA]
    assert looked(followed) == []


def test_a_process_without_an_hsm_leaves_nobody_out(database: AnyDatabase) -> None:
    put(database, KENSHIN)
    followed = LiveTenants(SqlTenants(database.open()), None)
    waited(followed.begin())
    assert list(followed) == [KENSHIN]


def test_an_outage_leaves_the_last_rules_and_is_told_once(
    live: LiveTenants, database: AnyDatabase
) -> None:
    database.run("ALTER TABLE tenants RENAME TO elsewhere")
    assert looked(live) == [("tenants cannot be read; the last ones stay", None)]
    assert looked(live) == []
    assert list(live) == [ABUKUMA]
    database.run("ALTER TABLE elsewhere RENAME TO tenants")
    put(database, ABUKUMA, limits={"consecutive": 4})
    assert looked(live) == [("tenant's rules changed", ABUKUMA)]


@pytest.mark.parametrize(
    ("rows", "keyed", "said"),
    [
        ({}, BOTH, "run `kagimori tenants apply`"),
        ({KENSHIN: {}}, {ABUKUMA}, f"no keys for {KENSHIN}"),
        ({KENSHIN: {"colour": "red"}}, BOTH, "database/kenshin: colour"),
    ],
)
def test_a_start_without_anybody_to_serve_says_what_to_mend(
    database: AnyDatabase, rows: dict[str, dict[str, str]], keyed: set[str], said: str
) -> None:
    for service_id, rules in rows.items():
        put(database, service_id, **rules)
    followed = LiveTenants(SqlTenants(database.open()), frozenset(keyed))
    with pytest.raises(StartError, match=said):
        waited(followed.begin())
