# SPDX-License-Identifier: Apache-2.0
"""What verification goes by: operations, limits, windows. Data, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kagimori.domain.value import value


class Operation(StrEnum):
    """What the customer is about to do at the bank."""

    LOGIN = "LOGIN"
    TRANSFER = "TRANSFER"
    BILL_PAYMENT = "BILL_PAYMENT"
    ACTIVATION = "ACTIVATION"
    """利用開始: taking an assigned token into use. Not an operation of a channel's."""
    REGISTRATION = "REGISTRATION"
    """利用開始 by serial number and code, of a token that is nobody's yet."""
    REPLACE_OLD = "REPLACE_OLD"
    """交換, first step: the token that the customer has."""
    REPLACE_NEW = "REPLACE_NEW"
    """交換, second step: the token that is nobody's yet."""
    TERMINATION = "TERMINATION"
    """利用中止: one code ends the token's use."""
    RESYNC = "RESYNC"
    """同期ズレ補正: finding a token again by two consecutive codes. It authorises nothing."""
    SIGNATURE = "SIGNATURE"
    """取引確認: a code that is bound to a transaction, by the token's other seed."""


TAKES_STOCK: Final = frozenset({Operation.REGISTRATION, Operation.REPLACE_NEW})
"""Operations whose token is nobody's until its code is accepted."""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How many wrong codes a token bears.

    ``consecutive`` is reset by a success. The other two are not, so that nobody
    can farm guesses between a customer's logins: ``daily`` starts anew with the
    tenant's calendar day, ``since_unlock`` with an unlock by the bank's staff.
    """

    consecutive: int = 5
    daily: int = 20
    since_unlock: int = 100

    def left(self, consecutive: int, today: int, since_unlock: int) -> int:
        """Return how many wrong codes are still borne after so many of each."""
        unspent = (
            self.consecutive - consecutive,
            self.daily - today,
            self.since_unlock - since_unlock,
        )
        return max(0, min(unspent))


@value(frozen=True, slots=True)
class Attempts:
    """What a token has spent of its limits, with a search under way already counted.

    ``day`` is the tenant's calendar day that ``day_failures`` belongs to, as text
    (ISO 8601); None before the first attempt.
    """

    failures: int = 0
    day: str | None = None
    day_failures: int = 0
    unlock_failures: int = 0

    def left(self, limits: AttemptLimits, today: str) -> int:
        """Return how many wrong codes are still borne on ``today``."""
        spent_today = self.day_failures if self.day is not None and self.day >= today else 0
        return limits.left(self.failures, spent_today, self.unlock_failures)

    @property
    def are_spent(self) -> bool:
        """Return whether there is anything that an unlock gives back."""
        return bool(self.failures or self.unlock_failures)

    def given_back(self, *, accepted: bool) -> Attempts:
        """Return what is left spent when a code was right, or spent already."""
        return Attempts(
            0 if accepted else max(0, self.failures - 1),
            self.day,
            max(0, self.day_failures - 1),
            max(0, self.unlock_failures - 1),
        )


@dataclass(frozen=True, slots=True)
class Windows:
    """Which steps a code may belong to, counted in steps.

    ``time`` is accepted on both sides of the predicted step, exactly;
    ``look_ahead`` is how many counters above the last one an event-based token
    may have been pressed; ``max_drift`` bounds what successes follow a clock to.
    A resynchronisation looks ``resync_time`` steps to both sides of the true
    time, and ``resync_look_ahead`` counters ahead.
    """

    time: int = 1
    look_ahead: int = 10
    max_drift: int = 10
    resync_time: int = 20
    resync_look_ahead: int = 100
