# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `VerificationStore`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kagimori.adapters.sql import requests
from kagimori.adapters.sql.claims import Claims
from kagimori.adapters.sql.database import (
    Asked,
    Database,
    Transaction,
    transacted,
    unavailable,
)
from kagimori.adapters.sql.settlements import Settlements
from kagimori.application.ports import (
    Claim,
    ClaimAnswer,
    Overslept,
    Refused,
    SettleAnswer,
    Settlement,
)
from kagimori.domain.errors import StoreUnavailable

Answers = tuple[list[SettleAnswer], list[ClaimAnswer]]

_PRUNE_EVERY: Final = 256


class SqlVerificationStore:
    """Each batch is one transaction; each item succeeds or fails by itself."""

    def __init__(self, database: Database, prune_every: int = _PRUNE_EVERY) -> None:
        """Work on ``database``, whose schema is current.

        Old requests are looked for once in ``prune_every`` claims.
        """
        self._database = database
        self._prune_every = prune_every
        self._unpruned = 0

    def commit(self, settlements: Sequence[Settlement], claims: Sequence[Claim]) -> Answers:
        """See `VerificationStore.commit`.

        If one item of several makes the database or this code fail in a way
        that is no outage, each gets a transaction of its own.
        """
        try:
            return self._together(settlements, claims)
        except StoreUnavailable:
            raise
        except Exception:
            if len(settlements) + len(claims) == 1:
                raise
        return (
            [self._settle_alone(settlement) for settlement in settlements],
            [self._claim_alone(claim) for claim in claims],
        )

    def ping(self) -> None:
        """See `VerificationStore.ping`."""
        self._database.ping()

    def _together(self, settlements: Sequence[Settlement], claims: Sequence[Claim]) -> Answers:
        def work(transaction: Transaction) -> Answers:
            settling = Settlements(transaction, settlements)
            claiming = Claims(transaction, claims)
            given = iter(transaction.run(*settling.first(), *claiming.first()))
            settling.take(given)
            claiming.take(given)
            # Last: from there on nothing waits for another transaction.
            pruning = self._pruning(len(claims))
            settling.finish(*(() if claiming.is_open else pruning))
            # After the verdicts: a claim may ask for one of them.
            if claiming.is_open:
                claiming.finish(*pruning)
            return settling.answers, claiming.answers

        return transacted(self._database, work)

    def _pruning(self, claims: int) -> Sequence[Asked]:
        """Return what takes old requests away, now and then."""
        self._unpruned += claims
        if not claims or self._unpruned < self._prune_every:
            return ()
        unpruned, self._unpruned = self._unpruned, 0
        return (requests.pruning(unpruned),)

    def _settle_alone(self, settlement: Settlement) -> SettleAnswer:
        try:
            return self._together([settlement], [])[0][0]
        except StoreUnavailable:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it is this item's own
            # The lease runs out by itself, and the attempt stays spent.
            return Overslept()

    def _claim_alone(self, claim: Claim) -> ClaimAnswer:
        try:
            return self._together([], [claim])[1][0]
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this item's own
            refusal = unavailable("the database does not take this request")
            refusal.__cause__ = error
            return Refused(refusal)
