# SPDX-License-Identifier: Apache-2.0
"""A customer who logs in and signs, in words of a bank's guide: nothing here is a table of ours.

Each call answers what a bank's page should hear: what became of the code, and how many
wrong ones are still borne; or the refusal's type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from fakes.ocra import ocra
from kagimori.application.signing.create import MadeChallenge
from kagimori.application.signing.ports import MOST_OPEN
from kagimori.domain.errors import (
    AuthorityError,
    ChallengeOver,
    NotLocked,
    ReplacementNotBegun,
    TransactionChanged,
)
from kagimori.domain.outcome import Outcome
from kagimori.domain.transaction import Question, SigningProfile, Transaction, question_of
from support.banks.register_desk import PERIOD, Device

WRONG_CODES: Final = 3
NEVER: Final = -1

Judged = tuple[Outcome, int | None]
"""What became of a code, and how many wrong ones the token still bears."""
Told = Judged | type[AuthorityError]


@dataclass(eq=False)
class Phone:
    """An app with both its seeds. ``last`` and ``signed`` are the last steps that were spent."""

    device: Device
    seed: bytes = field(repr=False)
    last: int = NEVER
    signed: int = NEVER
    wrong: int = 0

    def judge(self, right: int | None, *, spent: bool) -> Judged:
        """Count a code, of the step that is ``right`` for it, if one is; ``spent`` is not new."""
        if self.wrong >= WRONG_CODES:
            return Outcome.LOCKED, 0
        if right is not None and spent:
            return Outcome.REPLAYED, WRONG_CODES - self.wrong
        if right is not None:
            self.wrong = 0
            return Outcome.ACCEPTED, WRONG_CODES
        self.wrong += 1
        left = WRONG_CODES - self.wrong
        return (Outcome.REJECTED if left else Outcome.LOCKED), left

    def code(self, question: Question, step: int) -> str:
        """Return what it shows over ``question``; ``step`` counts where the time is asked."""
        time_step = step if question.period else None
        return ocra(self.seed, question.suite, question.text, time_step=time_step)

    def log_in(self, code: str, now: float) -> Judged:
        step = next((step for step in _near(now) if self.device.code(step) == code), None)
        told = self.judge(step, spent=step is not None and step <= self.last)
        if told[0] is Outcome.ACCEPTED and step is not None:
            self.last = step
        return told


@dataclass(frozen=True)
class Offer:
    """What a page sends: a code, by whose name, and what it will carry out."""

    name: str
    about: Transaction
    code: str = field(repr=False)
    request_id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(eq=False)
class Asked:
    """What the customer was asked to sign by ``phone``; ``used_by`` is the request that was."""

    made: MadeChallenge
    phone: Phone
    is_too_old: bool = False
    used_by: str | None = None

    @property
    def question(self) -> Question:
        return question_of(self.made.profile, self.made.challenge)

    @property
    def is_open(self) -> bool:
        return self.used_by is None and not self.is_too_old


@dataclass(eq=False)
class Payer:
    """A customer with one phone at a time, who signs what his bank carries out."""

    name: str
    phone: Phone
    asked: list[Asked] = field(default_factory=list)
    exchanges: Phone | None = None
    """The phone by whose code an exchange was begun."""

    def ask(self, made: MadeChallenge) -> Asked:
        """Of those that can be answered the newest are kept, whatever token they were for."""
        self.asked.append(Asked(made, self.phone))
        for oldest in [each for each in self.asked if each.is_open][:-MOST_OPEN]:
            oldest.is_too_old = True
        return self.asked[-1]

    def sign(self, one: Asked, offer: Offer, now: float) -> Told:
        """Offer a code for what the bank is about to carry out."""
        if offer.name != self.name or not one.is_open or one.phone is not self.phone:
            return ChallengeOver
        if offer.about != one.made.challenge.transaction:
            return TransactionChanged
        is_typed = one.made.profile is SigningProfile.TYPED
        shown = (step for step in _near(now) if self.phone.code(one.question, step) == offer.code)
        step = next(shown, None)
        told = self.phone.judge(step, spent=is_typed and (step or 0) <= self.phone.signed)
        if told[0] is Outcome.ACCEPTED and step is not None:
            one.used_by = offer.request_id
            self.phone.signed = step if is_typed else self.phone.signed
        return told

    def begin(self, code: str, now: float) -> Judged:
        """交換, first step: a login's code, and it is spent like one."""
        told = self.phone.log_in(code, now)
        if told[0] is Outcome.ACCEPTED:
            self.exchanges = self.phone
        return told

    def complete(self, new: Phone, code: str, now: float) -> Told:
        """交換, second step."""
        if self.exchanges is not self.phone or self.phone.wrong >= WRONG_CODES:
            return ReplacementNotBegun
        told = new.log_in(code, now)
        if told[0] is Outcome.ACCEPTED:
            self.phone = new
        return told

    def log_in(self, code: str, now: float) -> Judged:
        return self.phone.log_in(code, now)

    def unlock(self) -> type[AuthorityError] | None:
        if self.phone.wrong < WRONG_CODES:
            return NotLocked
        self.phone.wrong = 0
        return None


def _near(now: float) -> list[int]:
    present = int(now) // PERIOD
    return [present, present - 1, present + 1]
