# SPDX-License-Identifier: Apache-2.0
"""The print shop and the cards (お客様カード) that it posts: openssl, as the guide for it says."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from development.environment import Environment, kagimori
from development.pages import COLUMNS
from kagimori_client import GridAnswer, GridChallenge


@dataclass(frozen=True, slots=True)
class Card:
    """A card in a customer's hand; ``cells`` is by column."""

    number: str
    cells: dict[str, str] = field(repr=False)

    def read(self, challenge: GridChallenge) -> GridAnswer:
        """Return what stands at the two positions."""
        first, second = challenge.columns
        return challenge.answer(self.cells[first], self.cells[second])

    def misread(self, challenge: GridChallenge) -> GridAnswer:
        """Return an answer of which one position is right, and the other is not."""
        first, second = challenge.columns
        wrong = f"{(int(self.cells[second]) + 1) % 10_000:04d}"
        return challenge.answer(self.cells[first], wrong)


@dataclass(frozen=True, slots=True)
class PrintShop:
    """Has a key and a certificate in ``directory``, and prints what comes encrypted to it."""

    directory: Path

    @classmethod
    def open(cls, directory: Path) -> PrintShop:
        """Make the key and the certificate."""
        directory.mkdir(parents=True)
        shop = cls(directory)
        _openssl(
            *("req", "-x509", "-newkey", "rsa:3072", "-noenc", "-days", "365"),
            *("-keyout", shop.private_key, "-out", shop.certificate),
            *("-subj", "/CN=Card print shop"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-addext", "keyUsage=critical,keyEncipherment"),
        )
        return shop

    @property
    def certificate(self) -> Path:
        """Return what it has sent to the authority."""
        return self.directory / "shop.pem"

    @property
    def private_key(self) -> Path:
        """Return what it has sent to nobody."""
        return self.directory / "shop.key"

    def order(
        self, place: Environment, tenant: str, subscribers: Iterable[str], file: Path
    ) -> subprocess.CompletedProcess[str]:
        """Have ``kagimori print-cards`` write ``file`` for the customers."""
        listed = file.with_suffix(".txt")
        listed.write_text("".join(f"{subscriber}\n" for subscriber in subscribers))
        return kagimori(
            *("print-cards", "--config", place.config, "--tenant", tenant),
            *("--subscribers", listed, "--certificate", self.certificate, file),
        )

    def print(self, file: Path) -> dict[str, Card]:
        """Return the cards of a file, each by its customer."""
        opened = _openssl(
            *("cms", "-decrypt", "-inform", "DER", "-in", file),
            *("-inkey", self.private_key, "-recip", self.certificate),
        )
        lines = csv.DictReader(io.StringIO(opened.decode("utf-8"), newline=""))
        return {
            line["subscriber"]: Card(line["number"], {column: line[column] for column in COLUMNS})
            for line in lines
        }


def _openssl(*words: str | Path) -> bytes:
    return subprocess.run(["openssl", *words], capture_output=True, check=True).stdout
