# SPDX-License-Identifier: Apache-2.0
"""Verdicts written down: the request's answer, its receipt number, its audit row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from kagimori.adapters.sql import audit, outbox
from kagimori.adapters.sql.database import Asked, Row, Transaction
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.times import moment
from kagimori.adapters.sql.verification.requests import OWNED
from kagimori.application.notification.letter import message_id
from kagimori.application.ports import Claim
from kagimori.domain.outcome import Outcome, Receipt, Verdict

# Drawn last of all: until the commit no other transaction of the tenant can draw.
# Sorted, so that transactions meet at the tenants' rows in one order.
_DRAW: Final = statement(
    """
{batch}
INSERT INTO receipts (tenant, last_number)
SELECT b.tenant, b.accepted {from_batch} WHERE b.accepted > 0 {sorted}
ON CONFLICT (tenant) DO UPDATE SET last_number = receipts.last_number + excluded.last_number
RETURNING tenant, last_number
""",
    batch={"tenant": "text", "accepted": "bigint"},
    sorted_by="b.tenant",
)

_DECIDE: Final = statement(
    """
{batch}
UPDATE requests
SET state = 'DONE', outcome = b.outcome, receipt_number = {receipt_number}, decided_at = {now},
    attempts_left = b.attempts_left, lease_until = {now}
{from_batch} {owned}
""",
    batch=audit.DECISION,
    parts={"owned": OWNED, "receipt_number": audit.RECEIPT_NUMBER},
)


@dataclass(slots=True)
class Entry:
    """A verdict to be written down; ``order`` is an acceptance's among its tenant's."""

    claim: Claim
    outcome: Outcome
    attempts_left: int | None
    token_id: str | None
    serial: str | None
    order: int | None


class Ledger:
    """The verdicts of one transaction."""

    def __init__(self) -> None:
        """Begin with none."""
        self._entries: list[Entry] = []
        self._accepted: dict[str, int] = {}
        self._last: dict[str, int] = {}

    def add(
        self,
        claim: Claim,
        outcome: Outcome,
        attempts_left: int | None,
        token_id: str | None,
        serial: str | None,
    ) -> Entry:
        """Take a verdict down; an acceptance gets a receipt number when it is written."""
        order = None
        if outcome is Outcome.ACCEPTED:
            order = self._accepted.get(claim.tenant, 0)
            self._accepted[claim.tenant] = order + 1
        entry = Entry(claim, outcome, attempts_left, token_id, serial, order)
        self._entries.append(entry)
        return entry

    def writing(self) -> Sequence[Asked]:
        """Return what writes all that was added; the receipts come first."""
        if not self._entries:
            return ()
        draws = (Asked(_DRAW, {}, list(self._accepted.items())),) if self._accepted else ()
        decisions = [self._decision(entry) for entry in self._entries]
        letters = [notice for entry in self._entries if (notice := _notice(entry))]
        return (
            *draws,
            Asked(_DECIDE, {}, decisions),
            audit.verified(decisions),
            *((outbox.replayed(letters),) if letters else ()),
        )

    def take(self, now: int, given: Iterator[list[Row]]) -> None:
        """Take what `writing` gave in the transaction of the time ``now``."""
        self._at = moment(now)
        if self._accepted:
            self._last = dict(next(given))

    async def write(self, transaction: Transaction, *more: Asked, last: bool) -> None:
        """Write all that was added, and run ``more`` before it; commit if it is the ``last``."""
        asked = (*more, *self.writing())
        if last:
            given = await transaction.commit(*asked)
        else:
            given = await transaction.run(*asked) if asked else []
        self.take(transaction.now, iter(given[len(more) :]))

    def verdict(self, entry: Entry) -> Verdict:
        """Return what was written."""
        before_last = self._before_last(entry)
        if before_last is None:
            return Verdict(entry.outcome, None, entry.attempts_left)
        number = self._last[entry.claim.tenant] - before_last
        return Verdict(entry.outcome, Receipt(number, self._at), entry.attempts_left)

    def _decision(self, entry: Entry) -> audit.Decision:
        claim = entry.claim
        return (
            claim.tenant,
            claim.request_id,
            claim.lease,
            claim.caller,
            entry.token_id,
            entry.serial,
            claim.operation,
            entry.outcome,
            self._before_last(entry),
            entry.attempts_left,
            None if claim.signed is None else claim.signed.digest.hex(),
        )

    def _before_last(self, entry: Entry) -> int | None:
        if entry.order is None:
            return None
        return self._accepted[entry.claim.tenant] - 1 - entry.order


def _notice(entry: Entry) -> tuple[str, str, str, str] | None:
    """Return what tells the holder that a code was offered again, where he is to be told."""
    claim = entry.claim
    if claim.notify is None or entry.outcome is not Outcome.REPLAYED or entry.token_id is None:
        return None
    letter_id = str(uuid4())
    return claim.tenant, entry.token_id, letter_id, message_id(letter_id, claim.notify)
