# SPDX-License-Identifier: Apache-2.0
"""Customers and their tokens in words of the banks' guides: nothing here is a table of ours.

Each call answers what a bank's page should hear: what became of the code, and how many
wrong ones are still borne; or the refusal's type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from kagimori.application.registration.ports import Part
from kagimori.domain.errors import (
    LiveToken,
    NotLocked,
    NotNow,
    NoToken,
    ProposalOpen,
    ProposalOver,
    ReplacementExpired,
    ReplacementNotBegun,
    SamePerson,
    SameToken,
)
from kagimori.domain.outcome import Outcome
from support.banks.register_desk import PERIOD, Device

WRONG_CODES: Final = 3
LOOK_AHEAD: Final = 10
DAILY_TRIES: Final = 5
NEVER: Final = -1
WRONG: Final = "000000"

Judged = tuple[Outcome, int | None]
"""What became of a code, and how many wrong ones the token still bears."""
Told = tuple[Outcome, int | None, Part | None]
Refusal = type[NotNow]


class Place(StrEnum):
    """Where a token is."""

    SHELF = "in stock"
    RETURNED = "in stock again"
    CUSTOMER = "in a customer's hand"
    GONE = "destroyed"
    ELSEWHERE = "another bank's"
    NOWHERE = "not a token at all"


NOBODY_KNOWS_IT: Final = frozenset({Place.GONE, Place.ELSEWHERE, Place.NOWHERE})


@dataclass(eq=False)
class Thing:
    """A token as people see it. ``last`` is the last step that was spent."""

    device: Device
    place: Place = Place.SHELF
    is_too_old: bool = False
    last: int = NEVER
    wrong: int = 0
    guesses: int = 0
    """Wrong codes since its last unlock."""

    @property
    def serial(self) -> str:
        return self.device.serial

    @property
    def is_locked(self) -> bool:
        return self.wrong >= WRONG_CODES

    @property
    def is_to_be_had(self) -> bool:
        """Whether a customer may take it; what an app made too long ago is nothing."""
        here = self.place in {Place.SHELF, Place.RETURNED}
        return here and not (self.device.is_app and self.is_too_old)

    def judge(self, code: str, now: float) -> Judged:
        """Look at a code; what is right is spent by it."""
        if self.is_too_old:
            return Outcome.NOT_ACTIVE, None
        if self.is_locked:
            return Outcome.LOCKED, 0
        step = self._shown_at(code, now)
        if step is not None and step <= self.last:
            return Outcome.REPLAYED, WRONG_CODES - self.wrong
        if step is not None:
            self.wrong, self.last = 0, step
            return Outcome.ACCEPTED, WRONG_CODES
        self.wrong, self.guesses = self.wrong + 1, self.guesses + 1
        left = WRONG_CODES - self.wrong
        return (Outcome.REJECTED if left else Outcome.LOCKED), left

    def _shown_at(self, code: str, now: float) -> int | None:
        """Return the step that shows ``code``, as far as anybody looks for it."""
        if self.device.is_timed:
            present = int(now) // PERIOD
            looked = range(present - 1, present + 2)
        else:
            looked = range(max(0, self.last), self.last + LOOK_AHEAD + 1)
        return next((step for step in looked if self.device.code(step) == code), None)

    def unlock(self) -> Refusal | None:
        if self.place is Place.CUSTOMER and not self.is_locked:
            return NotLocked
        if self.place in NOBODY_KNOWS_IT:
            return NoToken
        if not self.wrong and not self.guesses:
            return NotLocked
        self.wrong = self.guesses = 0
        return None

    def leave(self, *, for_good: bool) -> None:
        """Be the customer's no more: a vendor's can be another customer's then."""
        self.place = Place.GONE if self.device.is_app or for_good else Place.RETURNED
        self.wrong = 0


@dataclass(eq=False)
class Exchange:
    """交換 that was begun for ``old``, by its code or by two of the staff."""

    old: Thing
    is_assisted: bool = False
    is_over: bool = False
    request_id: str | None = None
    """The request that has completed it."""


@dataclass(eq=False)
class Proposed:
    """What one of the staff proposes for a customer who has ``old``."""

    customer: Customer
    old: Thing
    by: str
    is_too_old: bool = False
    decided: str = ""

    @property
    def is_open(self) -> bool:
        return not self.decided and not self.is_too_old and self.customer.token is self.old

    def approve(self, who: str) -> Refusal | None:
        if who == self.by:
            return SamePerson
        if self.decided == "approved":
            return None
        if not self.is_open:
            return ProposalOver
        self.decided = "approved"
        self.customer.exchange = Exchange(self.old, is_assisted=True)
        return None

    def reject(self) -> Refusal | None:
        if self.decided == "rejected":
            return None
        if self.decided or self.is_too_old:
            return ProposalOver
        self.decided = "rejected"
        return None


@dataclass(eq=False)
class Customer:
    """Someone with an account at the bank, and one token at most."""

    name: str
    token: Thing | None = None
    login_otp: bool = False
    tries: int = 0
    exchange: Exchange | None = None
    proposals: list[Proposed] = field(default_factory=list)

    @property
    def status(self) -> str:
        if self.token is None:
            return "NOT_REGISTERED"
        return "LOCKED" if self.token.is_locked else "ACTIVE"

    def register(self, thing: Thing, code: str, now: float, *, login_otp: bool) -> Told | Refusal:
        if self.tries >= DAILY_TRIES:
            return Outcome.LOCKED, 0, Part.CUSTOMER
        if self.token is not None and self.token is not thing:
            return LiveToken
        told = self._try(thing, code, now)
        if told[0] is Outcome.ACCEPTED:
            self.token, self.login_otp, self.exchange = thing, login_otp, None
        return told

    def use(self, code: str, now: float) -> Judged:
        """Log in, or pay."""
        return self.token.judge(code, now) if self.token else (Outcome.UNKNOWN_TOKEN, None)

    def begin(self, code: str, now: float) -> Judged | Refusal:
        if self.token is None:
            return NoToken
        judged = self.token.judge(code, now)
        if judged[0] is Outcome.ACCEPTED:
            self.exchange = Exchange(self.token)
        return judged

    def complete(self, thing: Thing, code: str, now: float, request_id: str) -> Told | Refusal:
        if self.tries >= DAILY_TRIES:
            return Outcome.LOCKED, 0, Part.CUSTOMER
        exchange, old = self.exchange, self.token
        refusal = self._cannot_complete(thing)
        if refusal is not None or exchange is None or old is None:
            return refusal or ReplacementNotBegun
        told = self._try(thing, code, now)
        if told[0] is Outcome.ACCEPTED:
            old.leave(for_good=exchange.is_assisted)
            self.token, exchange.request_id = thing, request_id
        return told

    def _cannot_complete(self, thing: Thing) -> Refusal | None:
        exchange, old = self.exchange, self.token
        if exchange is None or exchange.request_id is not None or exchange.old is not old:
            return ReplacementNotBegun
        if exchange.is_over:
            return ReplacementExpired
        if thing is old:
            return SameToken
        # Locked since: its code proves nothing any more.
        return ReplacementNotBegun if old.is_locked and not exchange.is_assisted else None

    def _try(self, thing: Thing, code: str, now: float) -> Told:
        """Name a serial number: that costs a try, unless it comes to something."""
        self.tries += 1
        if not thing.is_to_be_had:
            return Outcome.UNKNOWN_TOKEN, None, Part.TOKEN
        outcome, left = thing.judge(code, now)
        if outcome is not Outcome.ACCEPTED:
            return outcome, left, Part.TOKEN
        thing.place, self.tries = Place.CUSTOMER, 0
        return outcome, left, None

    def terminate(self, code: str, now: float) -> Judged | Refusal:
        if self.token is None:
            return NoToken
        judged = self.token.judge(code, now)
        if judged[0] is Outcome.ACCEPTED:
            self.token.leave(for_good=False)
            self.token = self.exchange = None
            self.login_otp = False
        return judged

    def choose(self, *, login_otp: bool) -> Refusal | None:
        if self.token is None:
            return NoToken
        self.login_otp = login_otp
        return None

    def be_proposed_for(self, who: str) -> Refusal | None:
        if self.token is None:
            return NoToken
        for earlier in self.proposals:
            if earlier.is_open:
                return ProposalOpen
            # The new one is in its place.
            earlier.decided = earlier.decided or "rejected"
        self.proposals.append(Proposed(self, self.token, who))
        return None
