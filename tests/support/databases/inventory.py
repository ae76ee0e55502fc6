# SPDX-License-Identifier: Apache-2.0
"""Brings tokens into a real database, for tests that are about something else."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from kagimori.adapters.sql.database import Database
from kagimori.adapters.sql.inventory.stock import SqlStock
from kagimori.application.deliveries.ports import Added, Delivery, Duplicate, NewToken
from kagimori.domain.token import Token


class Inventory:
    """Adds tokens as one delivery; each call waits for its end on an event loop of its own.

    An importer is a process of its own: give it a database that nobody else has open.
    """

    def __init__(self, database: Database) -> None:
        self._stock = SqlStock(database)

    def add(self, tokens: Sequence[Token], actor: str) -> list[Added | Duplicate]:
        """Add ``tokens``, all of one transaction."""
        return asyncio.run(self._add([NewToken(token) for token in tokens], actor))

    async def _add(self, tokens: Sequence[NewToken], actor: str) -> list[Added | Duplicate]:
        if not tokens:
            return []
        tenant = tokens[0].token.identity.tenant
        delivery = Delivery(tenant, hashlib.sha256(b"a test's").digest(), "vendor", actor)
        return await self._stock.add(await self._stock.begin(delivery), tokens, actor)
