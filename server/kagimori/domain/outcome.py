# SPDX-License-Identifier: Apache-2.0
"""What became of an offered code, and the receipt that proves an acceptance."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from kagimori.domain.value import value

RECEIPT_DIGITS: Final = 7


class Outcome(StrEnum):
    """A fact about the token, in the words of the API."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    REPLAYED = "REPLAYED"
    LOCKED = "LOCKED"
    NOT_ACTIVE = "NOT_ACTIVE"
    UNKNOWN_TOKEN = "UNKNOWN_TOKEN"
    SYNCHRONIZED = "SYNCHRONIZED"
    """Two consecutive codes told where the token is. It authenticates nobody."""


@value(frozen=True, slots=True)
class Receipt:
    """受付番号 and 受付時刻. ``accepted_at`` is UTC, by the database's clock."""

    number: int
    accepted_at: datetime

    def __str__(self) -> str:
        """Return the number as it is shown: at least seven digits."""
        return f"{self.number:0{RECEIPT_DIGITS}d}"


@value(frozen=True, slots=True)
class Verdict:
    """The answer to one verification, the same however often it is asked for.

    ``receipt`` goes with ACCEPTED only; ``attempts_left`` is None where no
    token of the caller's is concerned (UNKNOWN_TOKEN, NOT_ACTIVE).
    """

    outcome: Outcome
    receipt: Receipt | None = None
    attempts_left: int | None = None
