# SPDX-License-Identifier: Apache-2.0
"""Whoever runs ``kagimori print-cards``, and what he sees afterwards."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from development import environment
from development.environment import Environment, kagimori
from kagimori.domain.tenant import CUSTODY, Registration, TenantPolicy
from kagimori.domain.token import CustodyLabel
from support.post.print_shop import Shop

OFFERED = TenantPolicy(
    "abukuma",
    "20160003",
    ZoneInfo("Asia/Tokyo"),
    custody=CUSTODY | {CustodyLabel.CELLS_PRINTED},
    registration=Registration(grid_card=True),
)
"""A tenant whose customers have cards."""

ALL, NOTHING, WRONG_USAGE, EARLIER, UNFINISHED = 0, 1, 2, 3, 4
"""Exit codes of the command."""

CUSTOMERS = ("4711", "4712", "4713")

# As the command itself, but with room for lines of Python before it.
_COMMAND = """
from kagimori.cli import main
main()
"""


@dataclass
class PrintDesk:
    """The administrator's: runs the command and looks at what it left behind."""

    place: Environment
    shop: Shop

    @property
    def target(self) -> Path:
        return self.place.directory / "cards.cms"

    @property
    def partial(self) -> Path:
        return self.place.directory / "cards.cms.partial"

    # --- the command ---------------------------------------------------------------------

    def write_list(self, *customers: str) -> Path:
        """Write a list of customers."""
        path = self.place.directory / "customers.txt"
        path.write_text("".join(f"{customer}\n" for customer in customers), encoding="utf-8")
        return path

    def words(self, *options: str | Path, tenant: str = "abukuma") -> list[str]:
        """Return the command and what every run names; an option that comes again wins."""
        words = ["print-cards", "--config", self.place.config, "--tenant", tenant]
        words += ["--subscribers", self.place.directory / "customers.txt"]
        words += ["--certificate", self.shop.certificate]
        return [str(word) for word in (*words, *options, self.target)]

    def run(self, *options: str | Path, tenant: str = "abukuma") -> tuple[int, str]:
        """Print; return the exit code and all that was said."""
        done = kagimori(*self.words(*options, tenant=tenant))
        return done.returncode, done.stdout + done.stderr

    def print(self, *customers: str) -> str:
        """Print for ``customers`` with success; return what was said."""
        self.write_list(*customers)
        code, said = self.run()
        assert code == ALL, said
        return said

    def run_with(self, prelude: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Print in a process that runs ``prelude`` first, to its end or its death."""
        return subprocess.run(
            [sys.executable, "-c", prelude + _COMMAND, *self.words(*options)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def change_tenants(self, *changes: tuple[str, str]) -> None:
        """Apply the shipped tenants with ``changes`` to their file, each of one place."""
        shipped = environment.ROOT / "config" / "tenants.toml"
        text = shipped.read_text()
        for before, after in changes:
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        mine = self.place.directory / "tenants.toml"
        mine.write_text(text)
        configuration = self.place.config.read_text()
        self.place.config.write_text(configuration.replace(str(shipped), str(mine)))
        applied = environment.apply_tenants(self.place)
        assert applied.returncode == 0, applied.stdout + applied.stderr

    def let_kakeshin_have_cards(self) -> None:
        """Apply tenants of whom kakeshin has cards, too."""
        issuer = 'issuer = "かけしん"\ntime_zone = "Asia/Tokyo"\ncustody = ["SEALED_BY_APP"'
        self.change_tenants(
            (issuer, issuer + ', "CELLS_PRINTED"'),
            ("[kakeshin.registration]", "[kakeshin.registration]\ngrid_card = true"),
        )

    # --- what it left behind -------------------------------------------------------------

    def live(self) -> dict[str, str]:
        """Return the numbers of the cards that customers have, by customer."""
        rows = self.asked("SELECT subscriber, number FROM grid_cards WHERE state = 'ACTIVE'")
        return {str(customer): str(number) for customer, number in rows}

    def column(self, name: str) -> list[object]:
        """Return a column of all cards, in the order of their printing."""
        # The names are the tests' own.
        return [row[0] for row in self.asked(f"SELECT {name} FROM grid_cards ORDER BY rowid")]  # noqa: S608

    def asked(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.place.database, timeout=30)) as database:
            return database.execute(query).fetchall()

    def printed(self, file: Path) -> dict[str, str]:
        """Return the numbers of the cards in a file, by customer."""
        return {card[1]: card[0] for card in self.shop.read(file)}
