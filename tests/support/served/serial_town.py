# SPDX-License-Identifier: Apache-2.0
"""The two banks whose customers name their tokens by serial number, whole and real.

One authority: server, the apps' door, a print shop. Each test has customers of its own,
what they hold is oathtool's or the app's, and nothing is shown on a stage.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from development.abukuma import ALGORITHM, TENANT, VENDOR
from development.companions import (
    let_phones_share_an_address,
    open_a_door_for_apps,
    provisioning_of,
)
from development.environment import Environment, kagimori
from development.family_b import Branch, Customer, branch_of
from development.in_hand import HardwareInHand
from development.print_shop import Card, PrintShop
from development.server import ServerProcess
from development.stage import Stage
from development.vendor import write_pskc
from kagimori_client import KagimoriError, Receipt
from kagimori_client.token import AuthorityProfile

_numbers = itertools.count(1)


@dataclass
class Town:
    """The authority as it serves, and the banks that are its clients."""

    place: Environment
    server: ServerProcess
    profile: AuthorityProfile
    _opened: ExitStack = field(default_factory=ExitStack)

    def branch(self, service_id: str) -> Branch:
        """Connect a bank, whose stage is its own."""
        return self._opened.enter_context(branch_of(Stage(), self.place, self.profile, service_id))

    def shop(self) -> PrintShop:
        return PrintShop.open(self.place.directory / f"print-shop-{next(_numbers)}")

    def print_cards(self, shop: PrintShop, *customers: Customer) -> list[Card]:
        """Have the customers' cards printed, and posted to them."""
        file = shop.directory / f"cards-{next(_numbers)}.cms"
        done = shop.order(self.place, TENANT, [each.subscriber for each in customers], file)
        assert done.returncode == 0, done.stderr
        printed = shop.print(file)
        return [printed[each.subscriber] for each in customers]

    def deliver(self, branch: Branch, *periods: int) -> list[HardwareInHand]:
        """Bring vendor's tokens into Abukuma's stock."""
        devices = [branch.drawer.device(fresh_serial(), period) for period in periods]
        file = self.place.directory / "vendors" / f"{devices[0].serial}.pskcxml"
        write_pskc(file, devices, self.place.transport_key(VENDOR), ALGORITHM)
        options = ("--config", self.place.config, "--tenant", TENANT, "--vendor", VENDOR)
        done = kagimori("import-tokens", file, *options)
        assert done.returncode == 0, done.stderr
        return [HardwareInHand(device) for device in devices]

    def rows(self, asked: str, *values: object) -> list[tuple[object, ...]]:
        """Return what the database holds, or change it as no client could."""
        with closing(sqlite3.connect(self.place.database, timeout=30)) as database, database:
            return database.execute(asked, values).fetchall()

    def kept_of(self, customer: Customer) -> list[list[tuple[object, ...]]]:
        """Return what there is of a customer's tokens and exchange, but for attempts and steps."""
        who = (customer.branch.service_id, customer.subscriber)
        return [
            self.rows(f"SELECT {columns} WHERE tenant = ? AND subscriber = ?", *who)
            for columns in (
                "token_id, serial, state, blob, row_mac FROM tokens",
                "* FROM replacements",
                "login_otp FROM registrations",
            )
        ]

    def close(self) -> None:
        self._opened.close()


@contextmanager
def town_at(place: Environment) -> Iterator[Town]:
    """Have everything run until the block ends."""
    profile = AuthorityProfile.load(open_a_door_for_apps(place))
    let_phones_share_an_address(place)
    with ServerProcess(place) as server, provisioning_of(place):
        town = Town(place, server, profile)
        try:
            yield town
        finally:
            town.close()


def fresh_customer(branch: Branch) -> Customer:
    """Return a customer whom nobody else has."""
    return branch.customer(f"customer-{next(_numbers):07d}")


def fresh_serial() -> str:
    """Return a serial number that nobody else has, as on a vendor's token."""
    return f"SKTS{next(_numbers):08d}"


def fresh_name() -> str:
    """Return a phone's name."""
    return f"phone-{next(_numbers)}"


def number_of(deed: Callable[[], Receipt]) -> str:
    """Do it; return 受付番号."""
    number = deed().number
    assert len(number) >= 7
    return number


def refused(error: type[KagimoriError], deed: Callable[[], object]) -> KagimoriError:
    """See a deed refused with exactly ``error``; return that."""
    with pytest.raises(KagimoriError) as raised:
        deed()
    assert raised.type is error
    return raised.value


def files_that_hold(directory: Path, secrets: list[bytes]) -> list[Path]:
    """Return the logs and databases that have one of ``secrets`` in them."""
    patterns = ("*.log", "*.db", "*.db-wal")
    paths = [path for pattern in patterns for path in directory.glob(pattern)]
    assert any(path.suffix == ".log" for path in paths)
    assert any(path.suffix == ".db" for path in paths)
    return [path for path in paths if any(each in path.read_bytes() for each in secrets)]
