# SPDX-License-Identifier: Apache-2.0
"""What enrolling customers needs of the world: a store, and two guards of a password."""

from __future__ import annotations

from dataclasses import field
from datetime import date, datetime, timedelta
from typing import Protocol

from kagimori.application.notification.letter import Letter
from kagimori.application.ports import Subject
from kagimori.domain.enrollment import EnrollmentState, LetterState
from kagimori.domain.lifecycle import State
from kagimori.domain.value import value


@value(frozen=True, slots=True)
class SealedPassword:
    """An activation password as the database holds it: useless without the HSM.

    ``hash`` is Argon2id's (RFC 9106), over a MAC under the tenant's key of
    ``key_version``.
    """

    hash: str = field(repr=False)
    key_version: int


@value(frozen=True, slots=True)
class Enrolled:
    """What is kept of a customer's enrolment.

    ``request_id`` is the wish that it was issued by and ``fingerprint`` a keyed
    digest of what was wished. ``password`` is None once it is forgotten.
    """

    user_id: str
    state: EnrollmentState
    generation: int
    request_id: str
    fingerprint: bytes = field(repr=False)
    password: SealedPassword | None = field(repr=False)
    issued_at: datetime
    deadline: datetime
    token_id: str | None
    released_on: date | None


@value(frozen=True, slots=True)
class HeldToken:
    """The live token of a customer, whoever made it.

    ``in_its_time`` is whether the vendor's word lets it be used now, ``can_sign``
    whether it has a seed for signatures.
    """

    token_id: str
    serial: str
    state: State
    generation: int
    in_its_time: bool = True
    can_sign: bool = False


@value(frozen=True, slots=True)
class Customer:
    """A customer at the time ``now``, by the database's clock.

    ``letter`` is what became of the letter of this enrolment, ``login_otp`` whether
    the customer wants his logins to need a code.
    """

    now: datetime
    enrolled: Enrolled | None = None
    token: HeldToken | None = None
    letter: LetterState | None = None
    login_otp: bool = False


@value(frozen=True, slots=True)
class NewEnrollment:
    """An enrolment to be begun, in place of the one of generation ``replaces``, if any.

    Its ``letter`` names the customer and the mail address.
    """

    letter: Letter
    request_id: str
    fingerprint: bytes = field(repr=False)
    password: SealedPassword = field(repr=False)
    valid_for: timedelta
    replaces: int | None
    actor: str


@value(frozen=True, slots=True)
class Issued:
    """An enrolment was begun, and its letter is in the outbox."""

    issued_at: datetime
    deadline: datetime


@value(frozen=True, slots=True)
class Release:
    """An enrolment to be ended as it was read, with the ``token`` that came of it."""

    tenant: str
    subscriber: str = field(repr=False)
    enrolled: Enrolled
    token: HeldToken | None
    released_on: date
    actor: str


@value(frozen=True, slots=True)
class Unlocking:
    """A token to be unlocked as it was read; ``becomes`` is its state then."""

    tenant: str
    token: HeldToken
    becomes: State
    user_id: str | None
    actor: str


@value(frozen=True, slots=True)
class Done:
    """It is done, and durable."""


@value(frozen=True, slots=True)
class Stale:
    """The customer is not as he was read, or a name was taken: nothing was changed."""


class EnrollmentStore(Protocol):
    """Customers on their way to a token, and back. Each call is one transaction.

    All raise `StoreUnavailable` if what they do is not known to have happened.
    """

    async def customer(self, tenant: str, subject: Subject) -> Customer:
        """Return the customer as he is; one that nobody knows has nothing."""
        ...

    async def issue(self, new: NewEnrollment) -> Issued | Stale:
        """Write enrolment, letter and audit row down, unless the customer has a token."""
        ...

    async def release(self, release: Release) -> Done | Stale:
        """End an enrolment: forget address and password, destroy the token's seeds."""
        ...

    async def unlock(self, unlocking: Unlocking) -> Done | Stale:
        """Give a token its attempts back, but for those of the day."""
        ...


class PasswordVault(Protocol):
    """The HSM's part in guarding activation passwords."""

    async def password_mac(
        self, tenant: str, message: bytes, key_version: int | None = None
    ) -> tuple[bytes, int]:
        """Return a MAC of ``message`` and the version of the tenant's key it is under.

        Without ``key_version`` it is the current one. Raises `HsmUnavailable`.
        """
        ...


class PasswordHash(Protocol):
    """A slow hash, so that guessing is slow as well."""

    @property
    def decoy(self) -> str:
        """A hash of nothing that anybody knows, which costs as much to check."""
        ...

    async def hashed(self, mac: bytes) -> str:
        """Return a salted hash of ``mac``, at most 160 characters."""
        ...

    async def matches(self, hashed: str, mac: bytes) -> bool:
        """Return whether ``hashed`` was made of ``mac``."""
        ...
