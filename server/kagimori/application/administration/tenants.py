# SPDX-License-Identifier: Apache-2.0
"""The tenants' file against what is in force: what would change, and whether it may."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from kagimori.domain.false_accept import Odds, odds_of
from kagimori.domain.tenant import SubscriberNames, TenantPolicy

_NAMES: Final = "subscriber_names"


class TenantsRefused(Exception):
    """The tenants cannot be applied; nothing was changed."""


class Standing(StrEnum):
    """What the file means for a tenant."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    LEFT = "left"
    """Not in the file: it stays as it is, for its customers' tokens do."""


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A tenant in force. ``text`` is JSON in the shape of the tenants' file."""

    service_id: str
    name: str
    text: str
    generation: int


@dataclass(frozen=True, slots=True)
class TenantWanted:
    """A tenant of the file: its rules, and the same as ``text`` for the store."""

    policy: TenantPolicy
    text: str


@dataclass(frozen=True, slots=True)
class TenantChange:
    """What the store is to keep of a tenant from now on.

    ``keeps_names_anew`` is True where the customers' names would be kept in
    another way than up to now.
    """

    service_id: str
    name: str
    text: str
    is_new: bool
    keeps_names_anew: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """A rule that differs. None is one that is not set."""

    key: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class TenantDiff:
    """What would become of one tenant. ``odds`` is empty where the tenant is left."""

    service_id: str
    name: str
    standing: Standing
    settings: tuple[Setting, ...] = ()
    odds: tuple[Odds, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it. ``seen`` is what it was made from: generations by service ID."""

    diffs: tuple[TenantDiff, ...]
    changes: tuple[TenantChange, ...]
    seen: Mapping[str, int]

    def count(self, standing: Standing) -> int:
        """Return how many tenants stand so."""
        return sum(diff.standing is standing for diff in self.diffs)


class TenantStore(Protocol):
    """Where the tenants in force are."""

    async def load(self) -> list[TenantRow]:
        """Return all tenants, by service ID; raise `StoreUnavailable`."""
        ...

    async def apply(
        self, changes: Sequence[TenantChange], seen: Mapping[str, int], actor: str
    ) -> None:
        """Keep ``changes``, all or none, with an audit row each.

        Raises `TenantsRefused` if what is in force is not what was ``seen``, or if
        a tenant that has tokens or enrolments would keep its customers' names
        anew; and `StoreUnavailable`.
        """
        ...


def plan(
    wanted: Sequence[TenantWanted], in_force: Sequence[TenantRow], keyed: Collection[str]
) -> Plan:
    """Return what applying ``wanted`` comes to, or raise `TenantsRefused`.

    ``keyed`` are the service IDs that the ceremony made keys for.
    """
    rows = {row.service_id: row for row in in_force}
    refusals = [*_without_keys(wanted, keyed), *_taken_names(wanted, in_force), *_likely(wanted)]
    if refusals:
        raise TenantsRefused("\n".join(refusals))
    files = {each.policy.service_id for each in wanted}
    diffs = [_diff(each, rows.get(each.policy.service_id)) for each in wanted]
    left = [
        TenantDiff(row.service_id, row.name, Standing.LEFT)
        for row in in_force
        if row.service_id not in files
    ]
    changes = [
        _change(each, diff)
        for each, diff in zip(wanted, diffs, strict=True)
        if diff.standing is not Standing.UNCHANGED
    ]
    seen = {row.service_id: row.generation for row in in_force}
    return Plan((*diffs, *left), tuple(changes), seen)


def settings_of(text: str) -> dict[str, str]:
    """Return rules by their keys in the file, ``limits.daily`` and so on, as words.

    What cannot be read has none: whatever comes is new to it.
    """
    try:
        tree = json.loads(text)
    except ValueError:
        return {}
    return dict(_flat(tree, "")) if isinstance(tree, dict) else {}


def _flat(tree: Mapping[str, object], above: str) -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        match value:
            case None:
                continue
            case dict():
                yield from _flat(value, f"{above}{key}.")
            case list():
                yield f"{above}{key}", ", ".join(map(str, value))
            case str():
                yield f"{above}{key}", value
            case _:
                yield f"{above}{key}", json.dumps(value)


def _diff(wanted: TenantWanted, row: TenantRow | None) -> TenantDiff:
    old = {} if row is None else {"name": row.name, **settings_of(row.text)}
    new = {"name": wanted.policy.name, **settings_of(wanted.text)}
    settings = tuple(
        Setting(key, old.get(key), new.get(key))
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    )
    standing = Standing.CHANGED if settings else Standing.UNCHANGED
    return TenantDiff(
        wanted.policy.service_id,
        wanted.policy.name,
        Standing.ADDED if row is None else standing,
        settings,
        odds_of(wanted.policy),
    )


def _change(wanted: TenantWanted, diff: TenantDiff) -> TenantChange:
    return TenantChange(
        service_id=diff.service_id,
        name=diff.name,
        text=wanted.text,
        is_new=diff.standing is Standing.ADDED,
        keeps_names_anew=any(_keeps_names_anew(setting) for setting in diff.settings),
    )


def _keeps_names_anew(setting: Setting) -> bool:
    # Tokens may be older than their tenant's row: their names are plain.
    return setting.key == _NAMES and (setting.old or SubscriberNames.PLAIN) != setting.new


def _without_keys(wanted: Sequence[TenantWanted], keyed: Collection[str]) -> Iterator[str]:
    for each in wanted:
        if each.policy.service_id not in keyed:
            yield f"the ceremony made no keys for {each.policy.name} ({each.policy.service_id})"


def _taken_names(wanted: Sequence[TenantWanted], in_force: Sequence[TenantRow]) -> Iterator[str]:
    """Yield who is called as another tenant is up to now: names say whose tokens come in."""
    holders = {row.name: row.service_id for row in in_force}
    for each in wanted:
        holder = holders.get(each.policy.name, each.policy.service_id)
        if holder != each.policy.service_id:
            yield f"{each.policy.name} ({each.policy.service_id}): {holder} is called so"


def _likely(wanted: Sequence[TenantWanted]) -> Iterator[str]:
    for each in wanted:
        for odds in odds_of(each.policy):
            if not odds.is_allowed:
                yield f"{each.policy.name}: {odds}"
