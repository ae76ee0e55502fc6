# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `VerificationStore`."""

from __future__ import annotations

from collections.abc import Sequence

from kagimori.adapters.sql import requests
from kagimori.adapters.sql.claims import claim_one
from kagimori.adapters.sql.connection import Database
from kagimori.adapters.sql.settlements import settle_one
from kagimori.application.ports import Claim, ClaimAnswer, SettleAnswer, Settlement


class SqlVerificationStore:
    """Each batch is one transaction; each item succeeds or fails by itself."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    def claim(self, claims: Sequence[Claim]) -> list[ClaimAnswer]:
        """See `VerificationStore.claim`."""
        with self._database.transaction() as transaction:
            requests.prune(transaction, len(claims))
            return [claim_one(transaction, claim) for claim in claims]

    def settle(self, settlements: Sequence[Settlement]) -> list[SettleAnswer]:
        """See `VerificationStore.settle`."""
        with self._database.transaction() as transaction:
            return [settle_one(transaction, settlement) for settlement in settlements]

    def ping(self) -> None:
        """See `VerificationStore.ping`."""
        self._database.ping()
