# SPDX-License-Identifier: Apache-2.0
"""The import's use case with its fakes, and a delivery of five tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fakes.delivery_vault import FakeDeliveryVault
from fakes.stock import FakeStock
from kagimori.adapters.spool import spool
from kagimori.application.deliveries.import_tokens import ImportOrder, ImportTokens
from kagimori.application.deliveries.report import Result, Summary
from kagimori.application.deliveries.vendor_file import TokenFault, VendorToken
from kagimori.domain.token import Token
from support.vendors.deliveries import KEY, VENDOR, MemoryFile, Told, token

TENANT = "20160003"
ORDER = ImportOrder(TENANT, VENDOR, "os-user:keeper", max_drift=10)
FLEET = [token(number) for number in range(5)]
SERIALS = [one.serial for one in FLEET]


@dataclass
class Authority:
    """The use case with its fakes."""

    stock: FakeStock = field(default_factory=FakeStock)
    vault: FakeDeliveryVault = field(
        default_factory=lambda: FakeDeliveryVault({VENDOR: KEY}, allow_host_transient=False)
    )
    batch: int = 2
    told: Told = field(default_factory=Told)

    def import_(
        self,
        file: MemoryFile | Sequence[VendorToken | TokenFault],
        order: ImportOrder = ORDER,
        stop: Callable[[], bool] = lambda: False,
        reopened: MemoryFile | None = None,
    ) -> Summary:
        """Import a file to its end."""
        read = file if isinstance(file, MemoryFile) else MemoryFile(file)
        use_case = ImportTokens(self.vault, self.stock, spool, self.batch)
        reopen = (reopened or read).reopened
        return asyncio.run(use_case(order, read, self.told, reopen, stop))

    @property
    def results(self) -> list[tuple[str, Result]]:
        """Return what was told, token by token."""
        return [(line.serial, line.result) for line in self.told.lines]

    def token(self, serial: str) -> Token:
        """Return a token of the stock."""
        return self.stock.tokens[TENANT, serial]

    @property
    def serials(self) -> list[str]:
        """Return the serials of the stock."""
        return sorted(serial for _, serial in self.stock.tokens)


def all_are(result: Result) -> list[tuple[str, Result]]:
    return [(serial, result) for serial in SERIALS]
