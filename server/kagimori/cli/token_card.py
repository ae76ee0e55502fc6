# SPDX-License-Identifier: Apache-2.0
"""What ``kagimori tokens show`` prints of one token."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from kagimori.cli.screen import visible
from kagimori.cli.token_words import minute, profile, step_time
from kagimori.domain.calendar import day_of
from kagimori.domain.token import MovingFactor

if TYPE_CHECKING:
    from datetime import datetime

    from kagimori.application.inventory.shelf_ports import Card, Delivered, Shelved, Told
    from kagimori.domain.tenant import TenantPolicy

_Pair = tuple[str, str]
_UNTOLD: Final = "not said"


def print_card(policy: TenantPolicy, card: Card) -> None:
    """Print everything but secrets and the customer's name, a line each."""
    zone = policy.zone
    pairs = [
        *_what_it_is(card),
        *_how_it_stands(policy, card),
        *_its_time(card.token, zone),
        *_its_delivery(card, zone),
    ]
    console = Console(markup=False, highlight=False, emoji=False)
    for line in _aligned(pairs):
        console.print(Text(line), soft_wrap=True)
    console.print(Text(f"\naudit log, the newest first ({zone.key}):"), soft_wrap=True)
    for told in card.told:
        console.print(Text(f"  {visible(_told(told, zone))}"), soft_wrap=True)


def _what_it_is(card: Card) -> Iterator[_Pair]:
    token = card.token
    yield "serial", token.serial
    stored = "" if token.called(card.now) == token.state else f" (was {token.state})"
    yield "state", token.called(card.now) + stored
    yield "customer", "yes" if token.is_bound else "nobody"
    yield "kind", token.kind
    yield "codes", f"{token.profile.factor}, {profile(token.profile)}"
    yield "custody", token.custody
    yield "key version", f"{token.key_version}"


def _how_it_stands(policy: TenantPolicy, card: Card) -> Iterator[_Pair]:
    token = card.token
    zone, today = policy.zone, day_of(card.now, policy.zone).isoformat()
    step = "" if token.last_step < 0 else f" (step {token.last_step})"
    yield "last code", f"{step_time(token, zone)}{step}"
    if token.profile.factor is MovingFactor.TIME:
        yield "drift", f"{token.drift:+} steps; followed up to {policy.windows.max_drift}"
    yield "attempts left", f"{token.spent.left(policy.limits, today)}"


def _its_time(token: Shelved, zone: ZoneInfo) -> Iterator[_Pair]:
    validity, device = token.validity, token.device
    yield "valid from", _time(validity.not_before, zone)
    yield "valid until", _time(validity.not_after, zone)
    made = " ".join(word for word in (device.manufacturer, device.model) if word)
    yield "device", made or _UNTOLD
    yield "battery since", _UNTOLD if device.since is None else f"{device.since}"


def _its_delivery(card: Card, zone: ZoneInfo) -> Iterator[_Pair]:
    token, delivery = card.token, card.delivery
    if token.imported_at is not None:
        yield "came", minute(token.imported_at, zone)
    yield "delivery", token.delivery_id or "none: it came with no file"
    if delivery is not None:
        yield from _delivered(delivery, zone)


def _delivered(delivery: Delivered, zone: ZoneInfo) -> Iterator[_Pair]:
    yield "  file", f"SHA-256 {delivery.digest}"
    yield "  vendor", delivery.vendor
    yield "  brought by", delivery.actor
    yield "  begun", minute(delivery.begun_at, zone)
    finished = delivery.finished_at
    yield "  finished", "not yet" if finished is None else minute(finished, zone)


def _told(told: Told, zone: ZoneInfo) -> str:
    words = (minute(told.at, zone), told.actor, told.action, told.operation, told.outcome)
    return "  ".join(word for word in words if word)


def _time(time: datetime | None, zone: ZoneInfo) -> str:
    return _UNTOLD if time is None else minute(time, zone)


def _aligned(pairs: Iterable[_Pair]) -> Iterator[str]:
    pairs = list(pairs)
    width = max(cell_len(name) for name, _ in pairs)
    for name, what in pairs:
        yield f"{set_cell_size(name, width)}  {visible(what)}".rstrip()
