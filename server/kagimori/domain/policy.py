# SPDX-License-Identifier: Apache-2.0
"""What a tenant decides: limits, windows, operations. Data, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo


class Operation(StrEnum):
    """What the customer is about to do at the bank."""

    LOGIN = "LOGIN"
    TRANSFER = "TRANSFER"
    BILL_PAYMENT = "BILL_PAYMENT"


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


@dataclass(frozen=True, slots=True)
class Windows:
    """Which steps a code may belong to, counted in steps.

    ``time`` is accepted on both sides of the predicted step, exactly;
    ``look_ahead`` is how many counters above the last one an event-based token
    may have been pressed; ``max_drift`` bounds what a clock is followed to.
    """

    time: int = 1
    look_ahead: int = 10
    max_drift: int = 10


@dataclass(frozen=True, slots=True)
class TenantPolicy:
    """One bank's rules. ``name`` is for people, ``service_id`` for machines."""

    name: str
    service_id: str
    zone: ZoneInfo
    limits: AttemptLimits = AttemptLimits()
    windows: Windows = Windows()
