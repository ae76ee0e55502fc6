# SPDX-License-Identifier: Apache-2.0
"""What the use cases need of the world: a store, a vault, a clock.

Store and vault speak in batches. A batch answers item for item, in order; one
item's trouble never fails its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import date
from enum import StrEnum
from typing import Protocol

from kagimori.application.consequences import Consequence
from kagimori.domain.code import Otp
from kagimori.domain.errors import AuthorityError, StoreUnavailable
from kagimori.domain.outcome import Verdict
from kagimori.domain.policy import AttemptLimits, Operation
from kagimori.domain.token import Token
from kagimori.domain.transaction import Challenge, Question, SigningProfile
from kagimori.domain.value import value
from kagimori.domain.window import Window

# --- the store: claim and settle -------------------------------------------


@value(frozen=True, slots=True)
class BySubscriber:
    """Names a token by the bank's own customer number."""

    value: str = field(repr=False)


@value(frozen=True, slots=True)
class BySerial:
    """Names a token by what is printed on its back."""

    value: str


Subject = BySubscriber | BySerial


@value(frozen=True, slots=True)
class Claim:
    """One call's wish to search: take the token's lease and spend an attempt.

    ``request_id`` and ``lease`` are UUIDs in canonical form (RFC 9562 §4). The
    lease is fresh for every claim, so that a search that overslept its
    lease cannot settle. ``fingerprint`` is a keyed digest of code or codes, subject
    and operation; of a resynchronisation both codes are ``code_length`` long.
    ``today`` is the tenant's calendar day. ``notify`` is the address
    that a letter about a code offered twice comes from, None where none is wanted.
    ``consequence`` is what an acceptance brings about besides; None where there was
    nothing to prepare, because no such token is known, or the request was made before.
    ``signed`` goes with SIGNATURE, and with nothing else: the claim is granted only while
    that challenge can be answered, is this subscriber's token's, and has this digest.
    """

    tenant: str
    request_id: str
    caller: str
    subject: Subject
    operation: Operation
    code_length: int
    fingerprint: bytes = field(repr=False)
    lease: str
    today: date
    limits: AttemptLimits
    notify: str | None = None
    consequence: Consequence | None = None
    signed: Challenge | None = None


@value(frozen=True, slots=True)
class SigningSeed:
    """The seed for 取引確認, and how the challenge's token learns what it signs.

    ``token`` is a token only in name: identity, MAC and ``last_step`` are the seed's.
    """

    token: Token
    profile: SigningProfile


@value(frozen=True, slots=True)
class Granted:
    """The lease is ours and an attempt is spent: search, then settle.

    ``signing`` goes with SIGNATURE; None where the row of that seed is gone.
    """

    token: Token
    signing: SigningSeed | None = None


@value(frozen=True, slots=True)
class GrantedUnknown:
    """No token answers to the name: do the same work, then settle."""


@value(frozen=True, slots=True)
class Answered:
    """No search is needed: asked before, locked, or not active. It is durable."""

    verdict: Verdict


@value(frozen=True, slots=True)
class Held:
    """Another verification holds the lease for up to ``seconds`` more."""

    seconds: float


@value(frozen=True, slots=True)
class Refused:
    """The claim was wrong in itself; nothing was changed."""

    error: AuthorityError


ClaimAnswer = Granted | GrantedUnknown | Answered | Held | Refused


class Finding(StrEnum):
    """What a search came to."""

    FRESH = "FRESH"
    """The code belongs to a step above ``last_step``; of a resynchronisation, both do."""
    SIGNED = "SIGNED"
    """The code is that of the challenge, which is used up by it."""
    SPENT = "SPENT"
    """The code belongs to a step that is spent."""
    NONE = "NONE"
    """No step of the window has this code."""
    UNKNOWN = "UNKNOWN"
    """There is no such token; the search was done all the same."""
    NO_RESULT = "NO_RESULT"
    """The HSM failed before any result: the attempt is given back, unless the
    claim resumed a request that an earlier search may have had results for."""
    BROKEN_OFF = "BROKEN_OFF"
    """The HSM failed after a result: the attempt stays spent, the request open."""


@value(frozen=True, slots=True)
class Settlement:
    """What to write down about a claim. ``step`` and ``drift`` go with FRESH.

    ``step`` goes with SIGNED, too, where the suite has a time: it is the signing seed's.
    Of two codes ``step`` is the second one's: both are spent by it. ``granted`` is None where
    the claim was answered with `GrantedUnknown`.
    """

    claim: Claim
    granted: Token | None
    finding: Finding
    step: int | None = None
    drift: int | None = None


@value(frozen=True, slots=True)
class Settled:
    """The verdict is durable; ``verdict`` is None for NO_RESULT and BROKEN_OFF."""

    verdict: Verdict | None


@value(frozen=True, slots=True)
class Overslept:
    """The lease was no longer ours; nothing was changed.

    So is it where a row that a consequence goes by is not as it was read, and where a
    signature's challenge was ended, or its step spent, by somebody else.
    """


@value(frozen=True, slots=True)
class NotKnown:
    """It is not known whether it was written down; the same request_id may be sent again."""

    error: StoreUnavailable


SettleAnswer = Settled | Overslept | NotKnown


class VerificationStore(Protocol):
    """Claims and settlements, many in one durable commit."""

    async def commit(
        self, settlements: Sequence[Settlement], claims: Sequence[Claim]
    ) -> tuple[list[SettleAnswer], list[ClaimAnswer]]:
        """Settle, then claim, in one transaction; it is durable when this returns.

        An acceptance that brings something about has a transaction of its own, before
        the others': either all of it is durable, or nothing. Without a consequence of
        its operation (`BRINGS_ABOUT`) it is `Overslept`. A signature ends its challenge
        and spends its step with the others' transaction, or not at all.
        Settling writes verdicts, receipts and audit rows down and frees the
        leases; claiming takes leases and spends attempts. Of claims that meet
        one token, or name one request, one is looked at and the others are
        `Held`. Raises `StoreUnavailable` if the commit is not known to have
        happened.
        """
        ...

    async def ping(self) -> None:
        """Return if the database answers a write transaction."""
        ...


# --- the vault: the HSM behind Rust ----------------------------------------


@value(frozen=True, slots=True)
class Search:
    """The question which step of ``window`` has ``code``.

    With ``second`` it is which step has ``second`` while the one before it has
    ``code``; both lie in ``window``, whose ``spent`` is None.
    """

    token: Token
    window: Window
    code: Otp
    second: Otp | None = None


@value(frozen=True, slots=True)
class Match:
    """The step that has the code."""

    step: int


@value(frozen=True, slots=True)
class NoMatch:
    """No step of the window has it; every one of them was tried."""


@value(frozen=True, slots=True)
class SearchFailed:
    """The HSM could not finish. ``evaluated`` counts codes already computed."""

    error: AuthorityError
    evaluated: int


SearchAnswer = Match | NoMatch | SearchFailed


@value(frozen=True, slots=True)
class SignatureCheck:
    """Whether ``code`` is what ``token``'s seed computes over ``question`` (RFC 6287 §5).

    ``token`` is a `SigningSeed`'s. Where the suite has a time, ``steps`` are the time
    steps that may be meant, and the match is one of them; else the match's step is 0.
    """

    token: Token
    question: Question
    code: Otp
    steps: Window | None = None


class SeedVault(Protocol):
    """Seeds in the HSM; the host sees handles and never a seed."""

    async def search(self, searches: Sequence[Search | SignatureCheck]) -> list[SearchAnswer]:
        """Check each row's MAC, open its seed, and search its window.

        A seed is asked for its own purpose only: a `Search` of a signing seed, and a
        `SignatureCheck` of any other, fails with `RecordTampered`.
        """
        ...

    def decoy(self, tenant: str) -> Token:
        """Return a token of nobody's, to do the same work for unknown names."""
        ...

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        """Return a 32-byte digest of ``message`` under a key of the tenant's."""
        ...

    async def ping(self) -> None:
        """Return if the HSM opens and uses a canary seed; else `HsmUnavailable`."""
        ...


class Clock(Protocol):
    """The time that time-based codes are judged by."""

    def __call__(self) -> float:
        """Return seconds since 1970, UTC."""
        ...
