# SPDX-License-Identifier: Apache-2.0
"""Challenges as they are kept, and what making them needs of the world."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, Protocol

from kagimori.domain.transaction import SigningProfile
from kagimori.domain.value import value

MOST_OPEN: Final = 20
"""Challenges of one customer that can be answered at a time; a newer one ends the oldest."""


@value(frozen=True, slots=True)
class NewChallenge:
    """A challenge to be made. ``subscriber`` is the customer's name as it is kept.

    ``digest`` is of the encoding with this ``challenge_id``.
    """

    tenant: str
    challenge_id: str
    request_id: str
    subscriber: str = field(repr=False)
    profile: SigningProfile
    digest: bytes = field(repr=False)
    valid_for: timedelta


@value(frozen=True, slots=True)
class Made:
    """It is durable, and ends at ``expires_at`` (UTC, by the database's clock)."""

    expires_at: datetime


@value(frozen=True, slots=True)
class Before:
    """What the same request made before.

    ``is_over`` is whether it cannot be answered any more: it was, its time is over, or
    its token is not the customer's any more.
    """

    challenge_id: str
    subscriber: str = field(repr=False)
    profile: SigningProfile
    digest: bytes = field(repr=False)
    expires_at: datetime
    is_over: bool


class Hindrance(Enum):
    """Why there is no challenge."""

    NO_TOKEN = auto()
    """The customer has no token in use, locked or not."""
    CANNOT_SIGN = auto()
    """The token has no seed for signatures."""
    STALE = auto()
    """What stood in the way is gone by now: make it anew."""


class ChallengeStore(Protocol):
    """Challenges about transactions."""

    async def make(self, new: NewChallenge) -> Made | Before | Hindrance:
        """Write a challenge down for the customer's token, in one transaction.

        Beyond `MOST_OPEN` that can be answered the customer's oldest are forgotten. Raises
        `StoreUnavailable`.
        """
        ...
