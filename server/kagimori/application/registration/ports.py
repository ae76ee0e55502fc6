# SPDX-License-Identifier: Apache-2.0
"""What taking tokens into use by serial number needs of the world."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Awaitable, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from kagimori.application.consequences import Consequence
from kagimori.application.enrollment.ports import Customer, Done, HeldToken, Stale
from kagimori.application.grid_cards.ports import GridAnswer, GridVerdict
from kagimori.application.ports import Subject
from kagimori.application.verification.verify import Caller
from kagimori.domain.code import Otp
from kagimori.domain.outcome import Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.token import Token, TokenIdentity
from kagimori.domain.value import value


class Part(StrEnum):
    """What an outcome is about."""

    TOKEN = "TOKEN"
    """Serial number and code."""
    GRID_CARD = "GRID_CARD"
    """The answer from the card: no code was looked at."""
    CUSTOMER = "CUSTOMER"
    """The customer's tries of the day: nothing was looked at."""


class Tried(StrEnum):
    """What counting a try has come to."""

    COUNTED = "COUNTED"
    AGAIN = "AGAIN"
    """The request has made the customer's last try: it costs no second one."""
    ANSWERED = "ANSWERED"
    """The request has its verdict: it costs nothing, and whatever came after does not matter."""
    SPENT = "SPENT"
    """The customer has none left today."""


@value(frozen=True, slots=True)
class Try:
    """A customer's wish to name a serial number.

    ``daily`` is how many he has on a calendar day of ``zone``.
    """

    tenant: str
    subscriber: str = field(repr=False)
    request_id: str
    daily: int
    zone: ZoneInfo


@value(frozen=True, slots=True)
class Exchange:
    """A customer's exchange (交換) at the time ``now``, by the database's clock (UTC).

    ``token_id`` is the token that is to be replaced. ``is_assisted`` says that two of
    the bank's staff agreed on it. ``request_id`` and ``serial_after`` tell how it
    ended; both are None while it is open.
    """

    now: datetime
    token_id: str
    serial_before: str
    complete_by: datetime
    is_assisted: bool
    request_id: str | None = None
    serial_after: str | None = None

    @property
    def is_over(self) -> bool:
        """Return whether it can be completed no more."""
        return self.now >= self.complete_by


@value(frozen=True, slots=True)
class Choice:
    """What a customer wants logins to need, while he has ``token``, as it was read."""

    tenant: str
    subscriber: str = field(repr=False)
    token: HeldToken
    login_otp: bool
    actor: str


class RegistrationStore(Protocol):
    """Customers who bring their tokens. Each call is one transaction.

    All raise `StoreUnavailable` if what they do is not known to have happened.
    """

    async def customer(self, tenant: str, subject: Subject) -> Customer:
        """Return the customer as he is; one that nobody knows has nothing."""
        ...

    async def exchange(self, tenant: str, subscriber: str) -> Exchange | None:
        """Return the customer's exchange, open or done; None if there was none."""
        ...

    async def spend(self, wish: Try) -> Tried:
        """Count a try, if the customer has one left and the request has made none."""
        ...

    async def give_back(self, wish: Try) -> None:
        """Undo the try that the request has made, unless others have come since."""
        ...

    async def choose(self, choice: Choice) -> Done | Stale:
        """Write the choice down, unless the customer's token is not as it was read."""
        ...


class RegistrationVault(Protocol):
    """The HSM's part in it."""

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        """See `kagimori.application.inventory.desk_ports.RowMacs.row_macs`."""
        ...

    def decoy(self, tenant: str) -> Token:
        """Return a token of nobody's, to do the same work for unknown names."""
        ...


class Conclude(Protocol):
    """The engine, as `VerifyOtp.conclude` asks it."""

    def __call__(  # noqa: PLR0913 - one call, eight facts
        self,
        *,
        caller: Caller,
        request_id: str,
        subject: Subject,
        operation: Operation,
        code: Otp,
        consequence: Consequence | None,
        words: str,
        seconds_left: float,
    ) -> Future[Verdict]:
        """Judge ``code``, and carry ``consequence`` out if it is accepted.

        ``words`` is what else makes two requests the same. Its errors are `VerifyOtp`'s.
        """
        ...


class JudgeGrid(Protocol):
    """Whatever judges an answer from a grid card."""

    def __call__(
        self,
        caller: Caller,
        policy: TenantPolicy,
        subscriber: str,
        request_id: str,
        answer: GridAnswer,
    ) -> Awaitable[GridVerdict]:
        """Judge it; the same ``request_id`` gives the same verdict.

        ``subscriber`` is the customer as he is kept. Raises `NoGridCard`,
        `ChallengeOver`, `RequestIdReused`, `RecordTampered`, or a `TryAgain`.
        """
        ...
