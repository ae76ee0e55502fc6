# SPDX-License-Identifier: Apache-2.0
"""What tokens without a customer need of the database: room, a time, and an end."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from kagimori.application.provisioning.store import NewToken
from kagimori.domain.token import Profile
from kagimori.domain.value import value


@value(frozen=True, slots=True)
class MadeBefore:
    """The token that the same envelopes have made.

    ``register_by`` is until when its customer has to register it, or had to: it may
    be somebody's by now.
    """

    serial: str
    profile: Profile
    register_by: datetime


class NotMade(StrEnum):
    """Why envelopes do not make a token, or do not make it under this serial number."""

    SERIAL_TAKEN = "SERIAL_TAKEN"
    LOGIN_ENVELOPE_USED = "LOGIN_ENVELOPE_USED"
    SIGNING_ENVELOPE_USED = "SIGNING_ENVELOPE_USED"


class UnclaimedTokens(Protocol):
    """An app's tokens that wait for their customers.

    Every method is one transaction, durable when it returns; raises
    `StoreUnavailable` otherwise. Times are the database's.
    """

    async def before(
        self, tenant: str, login_digest: str, signing_digest: str, wait: timedelta
    ) -> MadeBefore | NotMade | None:
        """Tell what the same envelopes have made; None if both are new.

        A token that was issued to a customer, one whose time is over or that has
        ended, and one that has one of the envelopes only, are `NotMade`. ``wait`` is
        how long a token waits: its time is kept only while it has no customer.
        """
        ...

    async def waiting(self, tenant: str) -> int:
        """Return how many of the tenant's tokens wait, and are in their time."""
        ...

    async def add(self, new: NewToken, wait: timedelta) -> datetime | NotMade:
        """Write a token down that waits for so long, and return until when.

        Otherwise nothing is changed. In the same transaction a few tokens of any
        tenant's end whose time is over, and their seeds are destroyed; none that a
        customer has, or that is being registered.
        """
        ...
