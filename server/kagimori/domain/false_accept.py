# SPDX-License-Identifier: Apache-2.0
"""How likely it is, by a tenant's rules, that somebody guesses a token's code.

A guess is right if it is one of the codes that are open: it costs an attempt, and
the attempts of a day, and of a year without the bank's staff, are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.token import CustodyLabel
from kagimori.domain.transaction import CODE_DIGITS, SigningProfile

FEWEST_DIGITS: Final = 6
"""Digits of a code at least, whatever a vendor delivers (RFC 4226 §5.3)."""

_DAYS: Final = 365


@dataclass(frozen=True, slots=True)
class Odds:
    """The chance of guessing one token's code in a ``span`` ("day" or "year").

    ``open_codes`` of ``digits`` digits would be accepted at any one time, and
    ``guesses`` are borne in the span. ``bound`` is what the tenant allows.
    """

    span: str
    open_codes: int
    digits: int
    guesses: int
    bound: Fraction

    @property
    def chance(self) -> Fraction:
        """Return the chance, exactly; a certainty is 1."""
        return min(Fraction(1), Fraction(self.open_codes * self.guesses, 10**self.digits))

    @property
    def is_allowed(self) -> bool:
        """Return whether the chance keeps within the bound."""
        return self.chance <= self.bound

    def __str__(self) -> str:
        return (
            f"{self.open_codes} open codes x {self.guesses:,} guesses a {self.span} "
            f"/ 10^{self.digits} = 1 in {int(1 / self.chance):,} a {self.span}; "
            f"at most {_in_words(self.bound)} is allowed"
        )


def odds_of(policy: TenantPolicy) -> tuple[Odds, Odds]:
    """Return the odds of a day and of a year, for the token that is guessed most easily.

    A year has as many guesses as can be made before the bank's staff must unlock
    the token.
    """
    open_codes, digits = max(_tokens(policy), key=lambda kind: Fraction(kind[0], 10 ** kind[1]))
    limits, bounds = policy.limits, policy.bounds
    a_year = min(_DAYS * limits.daily, limits.since_unlock)
    return (
        Odds("day", open_codes, digits, limits.daily, bounds.per_day),
        Odds("year", open_codes, digits, a_year, bounds.per_year),
    )


def _tokens(policy: TenantPolicy) -> list[tuple[int, int]]:
    """Return the kinds of tokens the tenant can hold: open codes, and their digits.

    A guess at a signature names one challenge, and costs the same attempts.
    """
    by_time = 2 * policy.windows.time + 1
    kinds = [(by_time, policy.tokens.digits), *_signatures(policy, by_time)]
    if policy.custody - {CustodyLabel.SEALED_BY_APP}:
        # A vendor's: by time or by event, and with as many digits as he delivers.
        kinds.append((max(by_time, policy.windows.look_ahead), FEWEST_DIGITS))
    return kinds


def _signatures(policy: TenantPolicy, by_time: int) -> list[tuple[int, int]]:
    open_codes = {SigningProfile.SCANNED: 1, SigningProfile.TYPED: by_time}
    profiles = policy.signing.profiles if policy.tokens.transaction_signing else ()
    return [(open_codes[profile], CODE_DIGITS) for profile in profiles]


def _in_words(bound: Fraction) -> str:
    return f"{bound.numerator:,} in {bound.denominator:,}"
