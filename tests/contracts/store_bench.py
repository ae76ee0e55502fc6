# SPDX-License-Identifier: Apache-2.0
"""What the store's contract needs of a database, and short words for its tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Protocol
from uuid import uuid4

from kagimori.application.deliveries.ports import Added, Duplicate
from kagimori.application.ports import (
    Answered,
    BySerial,
    BySubscriber,
    Claim,
    ClaimAnswer,
    Finding,
    Granted,
    SettleAnswer,
    Settled,
    Settlement,
)
from kagimori.domain.outcome import Verdict
from kagimori.domain.policy import AttemptLimits, Attempts, Operation
from kagimori.domain.token import Token
from support.tokens import SERIAL, SUBSCRIBER, TENANT
from support.waiting import WaitedStore

TODAY = date(2026, 3, 31)
TOMORROW = date(2026, 4, 1)
LIMITS = AttemptLimits(consecutive=5, daily=8, since_unlock=12)

MINE = BySubscriber(SUBSCRIBER)
BY_SERIAL = BySerial(SERIAL)

ONCE = Attempts(1, TODAY.isoformat(), 1, 1)
"""What the first claim of a token spends."""

Row = Mapping[str, Any]


class Inventory(Protocol):
    """Brings tokens in, for a test."""

    def add(self, tokens: Sequence[Token], actor: str) -> list[Added | Duplicate]: ...


class Bench(Protocol):
    """A store over an empty database, and the rows behind it."""

    @property
    def store(self) -> WaitedStore: ...

    @property
    def inventory(self) -> Inventory: ...

    def another_store(self) -> WaitedStore:
        """Return a store as another process would open it."""
        ...

    def another_inventory(self) -> Inventory:
        """Return an inventory as another process would open it."""
        ...

    def rows(self, table: str) -> Sequence[Row]:
        """Return all rows, oldest first."""
        ...

    def change(self, table: str, **columns: str | int | None) -> None:
        """Overwrite columns of every row."""
        ...

    def expire_leases(self) -> None:
        """Do what five seconds would do."""
        ...


def as_granted(new: Token) -> Token:
    """Return a new token as its first claim gets it."""
    return replace(new, spent=ONCE)


def claim_of(subject: BySubscriber | BySerial = MINE, **changes: Any) -> Claim:  # noqa: ANN401 - any field
    """Return a claim of a request of its own."""
    claim = Claim(
        tenant=TENANT,
        request_id=str(uuid4()),
        caller="internet-banking",
        subject=subject,
        operation=Operation.LOGIN,
        code_length=6,
        fingerprint=bytes(32),
        lease=str(uuid4()),
        today=TODAY,
        limits=LIMITS,
    )
    return replace(claim, **changes)


def again(claim: Claim, **changes: Any) -> Claim:  # noqa: ANN401 - any field
    """Return the same request, sent once more."""
    return replace(claim, lease=str(uuid4()), **changes)


def claim_all(store: WaitedStore, claims: Sequence[Claim]) -> list[ClaimAnswer]:
    _, answers = store.commit([], claims)
    return answers


def settle_all(store: WaitedStore, settlements: Sequence[Settlement]) -> list[SettleAnswer]:
    answers, _ = store.commit(settlements, [])
    return answers


def ask(bench: Bench, claim: Claim) -> ClaimAnswer:
    (answer,) = claim_all(bench.store, [claim])
    return answer


def granted(bench: Bench, claim: Claim) -> Token:
    answer = ask(bench, claim)
    assert isinstance(answer, Granted), answer
    return answer.token


def answered(bench: Bench, claim: Claim) -> Verdict:
    answer = ask(bench, claim)
    assert isinstance(answer, Answered), answer
    return answer.verdict


def settle(
    bench: Bench, claim: Claim, token: Token | None, finding: Finding, step: int | None = None
) -> SettleAnswer:
    drift = None if step is None else 0
    (answer,) = settle_all(bench.store, [Settlement(claim, token, finding, step, drift)])
    return answer


def verdict(
    bench: Bench, claim: Claim, token: Token | None, finding: Finding, step: int | None = None
) -> Verdict:
    answer = settle(bench, claim, token, finding, step)
    assert isinstance(answer, Settled), answer
    assert answer.verdict is not None
    return answer.verdict


def guess(bench: Bench, **changes: Any) -> Verdict:  # noqa: ANN401 - any field
    """Offer a wrong code; return what came of it."""
    claim = claim_of(**changes)
    return verdict(bench, claim, granted(bench, claim), Finding.NONE)


def succeed(bench: Bench, step: int, **changes: Any) -> Verdict:  # noqa: ANN401 - any field
    """Offer the right code of ``step``; return what came of it."""
    claim = claim_of(**changes)
    return verdict(bench, claim, granted(bench, claim), Finding.FRESH, step)


def token_row(bench: Bench) -> Row:
    (row,) = bench.rows("tokens")
    return row


def attempts(bench: Bench) -> tuple[int, int, int]:
    """Return what the only token has spent: consecutive, today, since unlock."""
    row = token_row(bench)
    return row["failures"], row["day_failures"], row["unlock_failures"]


def request_ids(bench: Bench) -> set[str]:
    return {row["request_id"] for row in bench.rows("requests")}
