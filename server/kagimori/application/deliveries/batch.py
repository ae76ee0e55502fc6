# SPDX-License-Identifier: Apache-2.0
"""A batch of a delivery between the stages of its intake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kagimori.application.deliveries.order import profile_fault, serial_fault
from kagimori.application.deliveries.ports import NewToken, SeedRefused
from kagimori.application.deliveries.report import Line, Result
from kagimori.application.deliveries.vendor_file import TokenFault, VendorToken
from kagimori.domain.value import value

SEED_TWICE: Final = "SEED_TWICE"


@value(frozen=True, slots=True)
class Twin:
    """A serial of the file, and the ``later`` one that has the same encrypted seed."""

    serial: str
    later: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A batch as far as it is known without the HSM: a line, or a token to go on with."""

    answers: list[Line | VendorToken]
    twins: list[Twin]

    @property
    def tokens(self) -> list[VendorToken]:
        """Return the tokens to go on with, in order."""
        return [answer for answer in self.answers if isinstance(answer, VendorToken)]


@value(frozen=True, slots=True)
class Candidate:
    """A token that can be stored, and where its file tells of it."""

    new: NewToken
    line: int

    @property
    def serial(self) -> str:
        """Return the token's serial."""
        return self.new.token.identity.serial

    @property
    def is_assigned(self) -> bool:
        """Return whether a customer gets it."""
        return self.new.token.identity.subscriber is not None

    def told(self, result: Result, reason: str = "", detail: str = "") -> Line:
        """Return the line that says what became of it."""
        custody = self.new.token.identity.seed.custody
        return Line(self.serial, result, self.line, custody, reason, detail)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch whose seeds are under the tenant's wrapping key.

    ``refusals`` are the seeds that the vault refused, of ``tried`` ones.
    """

    answers: list[Line | Candidate]
    twins: list[Twin]
    tried: int
    refusals: list[SeedRefused]

    @property
    def candidates(self) -> list[Candidate]:
        """Return the tokens to be stored, in order."""
        return [answer for answer in self.answers if isinstance(answer, Candidate)]

    @property
    def has_earlier(self) -> bool:
        """Return whether an earlier run of the delivery brought in one of them."""
        lines = (answer for answer in self.answers if isinstance(answer, Line))
        return any(line.result is Result.IMPORTED for line in lines)


def said_of(
    token: VendorToken, result: Result, reason: str = "", detail: str = "", custody: str = ""
) -> Line:
    """Return a line about a token that is not stored."""
    return Line(token.serial, result, token.line, custody, reason, detail)


def formed(token: VendorToken | TokenFault) -> Line | VendorToken:
    """Refuse a token that is not of its form: not every delivery comes from the reader."""
    if isinstance(token, TokenFault):
        return Line(token.serial, Result.REFUSED, token.line, "", token.fault, token.detail)
    fault = serial_fault(token.serial) or profile_fault(token.profile)
    return token if fault is None else said_of(token, Result.REFUSED, *fault)


def part(answers: list[Line | VendorToken], twins: Sequence[Twin]) -> None:
    """Refuse the first of two twins, too, where it is in this batch and not stored yet."""
    later = {twin.serial: twin.later for twin in reversed(twins)}
    for place, token in enumerate(answers):
        if isinstance(token, VendorToken) and token.serial in later:
            answers[place] = twin_line(token, later[token.serial])


def twin_line(token: VendorToken, other: str) -> Line:
    """Return the line about a token whose encrypted seed stands behind ``other``, too."""
    detail = f"serial {other} of the file has the same encrypted seed"
    return said_of(token, Result.REFUSED, SEED_TWICE, detail)
