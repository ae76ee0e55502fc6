# SPDX-License-Identifier: Apache-2.0
"""The process that prints grid cards: the stock of cards, and the HSM as their press."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kagimori.adapters.sql.inventory.card_stock import SqlCardStock
from kagimori.adapters.vault import HsmImportVault
from kagimori.application.grid_cards.printing_ports import CardPress
from kagimori.bootstrap.parts import hsm_of, opened_database, turn_at_the_door
from kagimori.bootstrap.refusals import refusals
from kagimori.config import Config


@contextmanager
def card_stock(config: Config) -> Iterator[SqlCardStock]:
    """Open the database, and close it with the block; raise `ConfigError` or `StartError`."""
    with opened_database(config) as database:
        yield SqlCardStock(database)


@contextmanager
def card_press(config: Config) -> Iterator[CardPress]:
    """Log in to the HSM, and leave it with the block; raise `ConfigError` or `StartError`."""
    with refusals():
        vault = HsmImportVault.open(
            hsm_of(config.hsm),
            None,
            allow_host_transient=False,
            door=lambda: turn_at_the_door(config.hsm),
        )
    try:
        yield vault
    finally:
        vault.close()
