# SPDX-License-Identifier: Apache-2.0
"""The importing process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kagimori.adapters.sql.inventory import SqlInventory
from kagimori.adapters.vault import HsmImportVault, PartitionLogin
from kagimori.bootstrap.parts import (
    hsm_of,
    login_of,
    opened_database,
    turn_at_the_door,
)
from kagimori.bootstrap.refusals import StartError, refusals
from kagimori.config import Config, HsmSection


@dataclass(frozen=True, slots=True)
class ImportAuthority:
    """What an importing process is made of."""

    vault: HsmImportVault
    inventory: SqlInventory


@contextmanager
def importing(config: Config, *, allow_host_transient: bool) -> Iterator[ImportAuthority]:
    """Open what the importing process needs; close it when the block is left."""
    with opened_database(config) as database, refusals():
        hsm = hsm_of(config.hsm)
        partition = _import_partition(config.hsm) if allow_host_transient else None
        with turn_at_the_door(config.hsm):
            vault = HsmImportVault.open(hsm, partition, allow_host_transient=allow_host_transient)
        try:
            yield ImportAuthority(vault, SqlInventory(database))
        finally:
            vault.close()


def _import_partition(section: HsmSection) -> PartitionLogin:
    if section.importing is None:
        raise StartError("hsm.importing: needed for seeds that the host must open")
    return login_of(section.importing.partition, section.importing.pin)
