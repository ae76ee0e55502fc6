# SPDX-License-Identifier: Apache-2.0
"""What applying a tenants' file comes to, before anything is written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kagimori.application.administration.tenants import (
    Plan,
    Setting,
    Standing,
    TenantRow,
    TenantsRefused,
    TenantWanted,
    plan,
    settings_of,
)
from kagimori.domain.policy import AttemptLimits
from kagimori.domain.tenant import TenantPolicy

KENSHIN, ABUKUMA = "10112001", "20160003"
KEYED = {KENSHIN, ABUKUMA}
RULES: dict[str, Any] = {"limits": {"daily": 20}, "mail": None, "subscriber_names": "PLAIN"}


def wanted(name: str = "kenshin", service_id: str = KENSHIN, **rules: Any) -> TenantWanted:  # noqa: ANN401 - any rule
    policy = TenantPolicy(name, service_id, ZoneInfo("Asia/Tokyo"))
    return TenantWanted(policy, json.dumps({**RULES, **rules}))


def row(name: str = "kenshin", service_id: str = KENSHIN, **rules: Any) -> TenantRow:  # noqa: ANN401 - any rule
    return TenantRow(service_id, name, json.dumps({**RULES, **rules}), generation=4)


def planned(each: TenantWanted, *in_force: TenantRow) -> Plan:
    return plan([each], in_force, KEYED)


def settings(made: Plan) -> tuple[Setting, ...]:
    return made.diffs[0].settings


def test_a_tenant_that_is_new_comes_with_all_its_rules() -> None:
    made = planned(wanted())
    (diff,), (change,) = made.diffs, made.changes
    assert diff.standing is Standing.ADDED
    assert diff.settings == (
        Setting("limits.daily", None, "20"),
        Setting("name", None, "kenshin"),
        Setting("subscriber_names", None, "PLAIN"),
    )
    assert (change.is_new, change.keeps_names_anew, made.seen) == (True, False, {})


def test_a_rule_that_differs_is_told_with_both_values() -> None:
    made = planned(wanted(limits={"daily": 7}), row())
    assert made.diffs[0].standing is Standing.CHANGED
    assert settings(made) == (Setting("limits.daily", "20", "7"),)
    assert [change.is_new for change in made.changes] == [False]
    assert made.seen == {KENSHIN: 4}


def test_a_rule_that_comes_or_goes_is_told_as_not_set() -> None:
    letter = {"sender": "a@b.example"}
    assert settings(planned(wanted(mail=letter), row())) == (
        Setting("mail.sender", None, "a@b.example"),
    )
    assert settings(planned(wanted(), row(mail=letter))) == (
        Setting("mail.sender", "a@b.example", None),
    )


def test_another_name_is_a_change() -> None:
    assert settings(planned(wanted("ibaraki"), row())) == (Setting("name", "kenshin", "ibaraki"),)


def test_the_same_rules_in_another_order_are_no_change() -> None:
    again = TenantRow(KENSHIN, "kenshin", json.dumps(dict(reversed(RULES.items()))), 1)
    made = planned(wanted(), again)
    assert (made.diffs[0].standing, made.changes) == (Standing.UNCHANGED, ())


def test_a_tenant_that_is_not_in_the_file_is_left_and_still_watched() -> None:
    made = planned(wanted(), row(), row("abukuma", ABUKUMA))
    assert [(diff.name, diff.standing) for diff in made.diffs] == [
        ("kenshin", Standing.UNCHANGED),
        ("abukuma", Standing.LEFT),
    ]
    assert made.changes == ()
    assert made.seen == {KENSHIN: 4, ABUKUMA: 4}
    assert [made.count(standing) for standing in Standing] == [0, 0, 1, 1]


def test_rules_in_force_that_cannot_be_read_are_replaced_as_a_whole() -> None:
    made = planned(wanted(), TenantRow(KENSHIN, "kenshin", "{", 1))
    assert {setting.old for setting in settings(made)} == {None}
    assert len(made.changes) == 1


@pytest.mark.parametrize(
    ("old", "new", "is_so"),
    [
        ("PLAIN", "PLAIN", False),
        ("PLAIN", "HMAC", True),
        ("HMAC", "PLAIN", True),
        (None, "PLAIN", False),
        (None, "HMAC", True),
    ],
)
def test_the_store_is_told_when_customers_names_would_be_kept_anew(
    old: str | None, new: str, *, is_so: bool
) -> None:
    in_force = [] if old is None else [row(subscriber_names=old)]
    made = planned(wanted(subscriber_names=new, limits={"daily": 7}), *in_force)
    assert [change.keeps_names_anew for change in made.changes] == [is_so]


def test_a_tenant_without_keys_is_refused_by_name() -> None:
    with pytest.raises(TenantsRefused, match=r"no keys for kenshin \(10112001\)"):
        plan([wanted()], [], {ABUKUMA})


def test_a_name_that_another_tenant_has_is_refused() -> None:
    with pytest.raises(TenantsRefused, match="20160003 is called so"):
        planned(wanted("abukuma"), row("abukuma", ABUKUMA))


def test_a_policy_beyond_its_bounds_is_refused_with_its_arithmetic() -> None:
    careless = wanted()
    limits = AttemptLimits(consecutive=5, daily=21, since_unlock=100)
    policy = replace(careless.policy, limits=limits)
    with pytest.raises(TenantsRefused, match="10 open codes x 21 guesses a day"):
        planned(replace(careless, policy=policy))


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(TenantsRefused) as refusal:
        plan([wanted(), wanted("abukuma", ABUKUMA)], [], set())
    assert len(str(refusal.value).splitlines()) == 2


def test_rules_are_told_by_their_keys_in_the_file() -> None:
    rules = {"a": {"b": 1, "c": True}, "d": ["x", "y"], "e": "", "f": None}
    assert settings_of(json.dumps(rules)) == {"a.b": "1", "a.c": "true", "d": "x, y", "e": ""}
