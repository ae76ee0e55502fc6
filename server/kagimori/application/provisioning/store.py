# SPDX-License-Identifier: Apache-2.0
"""What setting an app up needs of the database: counted tries, and one durable change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Protocol

from kagimori.application.enrollment.ports import SealedPassword
from kagimori.domain.enrollment import EnrollmentState
from kagimori.domain.token import Profile, Token
from kagimori.domain.value import value


@value(frozen=True, slots=True)
class Tried:
    """An enrolment whose activation password is being tried, with the try counted.

    ``state`` is ISSUED or PROVISIONED and ``generation`` the row's, at the time of
    the claim; ``expired`` says that the deadline was over by the database's clock.
    """

    tenant: str
    user_id: str
    subscriber: str = field(repr=False)
    state: EnrollmentState
    generation: int
    password: SealedPassword | None = field(repr=False)
    expired: bool
    token_id: str | None


class GivenBack(StrEnum):
    """Why a try counts no more; the audit's word for it."""

    NO_RESULT = "NO_RESULT"
    """The HSM failed before the password was judged, or after it was found right."""
    UNFIT = "UNFIT"
    """The password was right, an envelope was not: the app may send others."""
    REPEATED = "REPEATED"
    """The password was right, and the same envelopes have set the app up before."""
    ALREADY = "ALREADY"
    """The password was right, and the customer has a token by now."""


@value(frozen=True, slots=True)
class NewToken:
    """A token whose app is being set up, with both of its seeds.

    ``signing`` is a token only in name: its identity and MAC are of the second
    seed. ``login_digest`` and ``signing_digest`` are SHA-256 of the envelopes, hex.
    """

    login: Token
    signing: Token
    login_digest: str
    signing_digest: str


class Provisioning(StrEnum):
    """What became of an attempt to write a `NewToken` down."""

    DONE = "DONE"
    OVERTAKEN = "OVERTAKEN"
    """The enrolment is not what it was when the password was tried."""
    SERIAL_TAKEN = "SERIAL_TAKEN"
    LOGIN_ENVELOPE_USED = "LOGIN_ENVELOPE_USED"
    SIGNING_ENVELOPE_USED = "SIGNING_ENVELOPE_USED"
    LIVE_TOKEN = "LIVE_TOKEN"
    """The customer was given another token meanwhile."""


@value(frozen=True, slots=True)
class SetUpBefore:
    """The token that the same envelopes have set up."""

    serial: str
    profile: Profile


class Otherwise(StrEnum):
    """What an enrolment has come to that these envelopes did not set up."""

    BY_OTHERS = "BY_OTHERS"
    """An app is set up, with other envelopes."""
    GONE = "GONE"
    """It is void, deregistered, or issued anew."""


Before = SetUpBefore | Otherwise


class ProvisioningStore(Protocol):
    """Enrolments on their way to a token.

    Every method is one transaction, durable when it returns; raises
    `StoreUnavailable` otherwise. All but `claim` and `before` leave an audit row.
    """

    async def claim(self, tenant: str, user_id: str, tries: int) -> Tried | None:
        """Count a try and return the enrolment; None if it has none left of ``tries``.

        None also where there is no such enrolment, or none that can be set up.
        """
        ...

    async def refuse(self, tenant: str, user_id: str, tries: int) -> None:
        """Write a refusal down; an enrolment with no try left of ``tries`` becomes VOID.

        With it go its password and the mail address. There need be no enrolment.
        """
        ...

    async def expire(self, tried: Tried) -> None:
        """Make an enrolment VOID whose deadline is over."""
        ...

    async def give_back(self, tried: Tried, why: GivenBack) -> None:
        """Count the try no more."""
        ...

    async def before(self, tried: Tried, login_digest: str, signing_digest: str) -> Before:
        """Tell what the enrolment has come to, and by which envelopes."""
        ...

    async def provision(self, tried: Tried, new: NewToken) -> Provisioning:
        """Write the token down if all is still so; otherwise nothing is changed."""
        ...


class TryLimits(Protocol):
    """How often something may be tried in a minute, over all processes."""

    async def count(self, limits: Mapping[str, int]) -> float | None:
        """Count one try in each bucket of ``limits``, in their order, up to its limit.

        Returns None, or the seconds after which a full bucket is empty again;
        buckets behind a full one are not counted.
        """
        ...
