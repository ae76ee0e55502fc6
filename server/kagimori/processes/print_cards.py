# SPDX-License-Identifier: Apache-2.0
"""The process that prints grid cards: alone with their cells, and gone when the file is written."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kagimori import bootstrap, config
from kagimori.adapters.draft import refuse_existing
from kagimori.adapters.parcel import FileParcel, parcel, partial_of
from kagimori.adapters.print_shop import LONGEST_PEM, CertificateRefused, CmsPrintShop
from kagimori.adapters.vault import harden_process
from kagimori.application.grid_cards.print_order import (
    LARGEST_LIST,
    PrintOrder,
    PrintRefused,
    PrintUnfinished,
    check_offered,
    customers_of,
)
from kagimori.application.grid_cards.printing import PrintCards, Printed, run_of
from kagimori.application.grid_cards.printing_ports import CardStock
from kagimori.bootstrap.printing import card_press, card_stock
from kagimori.config import Config
from kagimori.domain.tenant import TenantPolicy
from kagimori.processes.operator import operator

_NO_NAME: Final = "its cards are live; only its name is not given"


@dataclass(frozen=True, slots=True)
class PrintRequest:
    """What the administrator asked for. ``tenant`` is a name, as the tenant was applied by.

    ``subscribers`` is a list of the bank's own customer numbers, ``certificate`` the
    print shop's, and ``target`` the new file.
    """

    config: Path
    tenant: str
    subscribers: Path
    certificate: Path
    target: Path
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """A dry run: so many cards could be printed."""

    cards: int


@dataclass(frozen=True, slots=True)
class Completed:
    """An earlier run's file has its name now; this one has printed nothing."""

    cards: int
    digest: bytes


def run(
    request: PrintRequest, begun: Callable[[CmsPrintShop], None]
) -> Printed | Checked | Completed:
    """Print grid cards; ``begun`` is called with the print shop before the HSM is entered.

    SIGINT and SIGTERM end it while cards are drawn. Raises `ConfigError`, `StartError`,
    `PrintRefused`, an `AuthorityError` or `OSError`: then nothing was changed; or
    `PrintUnfinished`.
    """
    harden_process()
    os.umask(0o077)
    configuration = config.load(request.config)
    policy = _tenant(bootstrap.tenants_in_force(configuration), request.tenant)
    check_offered(policy)
    shop = _shop(request.certificate)
    order = PrintOrder(policy, _customers(request.subscribers), operator())
    _require_place(request.target)
    begun(shop)
    if request.dry_run:
        return _checked(configuration, request.target, order)
    return asyncio.run(_printed(configuration, request.target, order, shop))


def _checked(configuration: Config, target: Path, order: PrintOrder) -> Checked:
    partial = partial_of(target)
    if os.path.lexists(partial):
        raise PrintRefused(f"{partial} is an earlier run's: run it without --dry-run first")
    with card_stock(configuration), card_press(configuration):
        return Checked(len(order.subscriber_refs))


async def _printed(
    configuration: Config, target: Path, order: PrintOrder, shop: CmsPrintShop
) -> Printed | Completed:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with parcel(target) as mine, card_stock(configuration) as stock:
        completed = await _completed(mine, stock)
        if completed is not None:
            return completed
        with card_press(configuration) as press:
            return await PrintCards(press, shop, stock)(order, mine, stop.is_set)


async def _completed(mine: FileParcel, stock: CardStock) -> Completed | None:
    """Give an earlier run's file its name if its cards are live.

    If they are not, nobody will ever need it.
    """
    octets = mine.left()
    if octets is None:
        return None
    cards = await stock.printed(run_of(octets))
    if not cards:
        return None
    try:
        mine.release()
    except OSError as error:
        raise PrintUnfinished(f"{error.strerror}: {error.filename}; {_NO_NAME}") from None
    return Completed(cards, hashlib.sha256(octets).digest())


def _tenant(policies: dict[str, TenantPolicy], name: str) -> TenantPolicy:
    try:
        return policies[name]
    except KeyError:
        msg = f"no tenant is called {name!r}; there are {', '.join(sorted(policies))}"
        raise PrintRefused(msg) from None


def _shop(path: Path) -> CmsPrintShop:
    try:
        return CmsPrintShop.from_pem(_octets_of(path, LONGEST_PEM))
    except CertificateRefused as refused:
        raise PrintRefused(f"{path}: {refused}") from None


def _customers(path: Path) -> tuple[str, ...]:
    try:
        return customers_of(_octets_of(path, LARGEST_LIST))
    except PrintRefused as refused:
        raise PrintRefused(f"{path}: {refused}") from None


def _octets_of(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        octets = file.read(most + 1)
    if len(octets) > most:
        raise PrintRefused(f"{path}: it is too large")
    return octets


def _require_place(target: Path) -> None:
    try:
        refuse_existing(target)
    except FileExistsError:
        if not os.path.lexists(partial_of(target)):
            raise
        msg = f"{target} is there, and so is an earlier run's {partial_of(target)}: move the first"
        raise PrintRefused(msg) from None
