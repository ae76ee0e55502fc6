# SPDX-License-Identifier: Apache-2.0
"""Deliveries of tokens: the importing process, and the serving one's way to take them in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kagimori.adapters.spool import spool
from kagimori.adapters.sql.database import Database
from kagimori.adapters.sql.inventory.stock import SqlStock
from kagimori.adapters.vault import HsmImportVault, HsmVault, PartitionLogin
from kagimori.application.deliveries.import_tokens import ImportTokens
from kagimori.application.deliveries.receive import ReceiveDelivery
from kagimori.application.policies import Policies
from kagimori.bootstrap.parts import (
    hsm_of,
    login_of,
    opened_database,
    turn_at_the_door,
)
from kagimori.bootstrap.refusals import StartError, refusals
from kagimori.config import Config, HsmSection

_CACHE: Final = 8_192
"""Kibibytes of the database's pages: a delivery writes each of them once."""


@contextmanager
def importing(
    config: Config, *, allow_host_transient: bool, allow_clear_text: bool
) -> Iterator[ImportTokens]:
    """Open what the importing process needs; close it when the block is left.

    Raises `ConfigError` or `StartError`.
    """
    with opened_database(config, _CACHE) as database, refusals():
        hsm = hsm_of(config.hsm)
        partition = _import_partition(config.hsm) if allow_host_transient else None
        vault = HsmImportVault.open(
            hsm,
            partition,
            allow_host_transient=allow_host_transient,
            allow_clear_text=allow_clear_text,
            door=lambda: turn_at_the_door(config.hsm),
        )
        try:
            yield ImportTokens(vault, SqlStock(database), spool)
        finally:
            vault.close()


def receiving(database: Database, vault: HsmVault, tenants: Policies) -> ReceiveDelivery:
    """Return how a serving process takes deliveries in: what opens inside its HSM."""
    return ReceiveDelivery(vault, SqlStock(database), spool, tenants)


def _import_partition(section: HsmSection) -> PartitionLogin:
    if section.importing is None:
        raise StartError("hsm.importing: needed for seeds that the host must open")
    return login_of(section.importing.partition, section.importing.pin)
