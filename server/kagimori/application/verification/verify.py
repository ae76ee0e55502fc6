# SPDX-License-Identifier: Apache-2.0
"""Claim, search, settle: one code judged, and written down before the answer.

Two consecutive codes that bring a token back go the same way, and codes that sign.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from asyncio import Future
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from kagimori.application.consequences import BRINGS_ABOUT, Consequence
from kagimori.application.policies import Policies, policy_of
from kagimori.application.ports import (
    BySerial,
    BySubscriber,
    Claim,
    Clock,
    SeedVault,
    Subject,
)
from kagimori.application.subscribers import digest_of
from kagimori.application.verification.case import Case
from kagimori.application.verification.engine import Engine
from kagimori.domain.code import Otp
from kagimori.domain.errors import AuthorityError, InvalidField
from kagimori.domain.outcome import Verdict
from kagimori.domain.policy import TAKES_STOCK, Operation
from kagimori.domain.tenant import SubscriberNames, TenantPolicy
from kagimori.domain.transaction import CODE_DIGITS, Challenge

LONGEST: Final = 10.0
"""Seconds that a call waits at most, whatever its deadline."""

_ONE_CODE: Final = (
    frozenset(Operation) - BRINGS_ABOUT.keys() - {Operation.RESYNC, Operation.SIGNATURE}
)
"""Operations that are judged by a code alone."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, by the client certificate: the tenant's service ID and a name."""

    tenant: str
    name: str


# Not a frozen one: it is made for each verification.
@dataclass(slots=True)
class _Question:
    """What is asked about which token, and what else makes it the same question."""

    subject: Subject
    operation: Operation
    code: Otp
    second: Otp | None = None
    consequence: Consequence | None = None
    words: str | None = None
    signed: Challenge | None = None


class VerifyOtp:
    """The use case behind ``VerifyOtp`` and each item of ``BatchVerifyOtp``.

    Behind ``ResynchronizeToken`` is `resynchronize`, behind codes that bring something
    about besides `conclude`, behind ``VerifyTransaction`` `sign`.
    """

    def __init__(
        self,
        engine: Engine,
        vault: SeedVault,
        policies: Policies,
        clock: Clock = time.time,
    ) -> None:
        """``policies`` is by service ID and holds every tenant that may call, at any time."""
        self._engine = engine
        self._vault = vault
        self._clock = clock
        self._policies = policies
        self._leases = _LeaseNames()
        self._calendars: dict[ZoneInfo, _Calendar] = {}

    def __call__(  # noqa: PLR0913, PLR0917 - one call, six facts
        self,
        caller: Caller,
        request_id: str,
        subject: Subject,
        operation: Operation,
        code: Otp,
        seconds_left: float,
    ) -> Future[Verdict]:
        """Judge ``code`` within ``seconds_left`` seconds; the verdict is durable.

        To be called on the event loop. The future may fail with an
        `AuthorityError`: `InvalidField`, `RequestIdReused`, `RecordTampered`,
        `NotIdentified` for a tenant that is served no more, or a `TryAgain` after
        which the same request_id may be sent again. No attempt
        is spent by one that failed before the HSM gave any result; every other
        one stays spent, also where the caller goes away: cancelling the future
        undoes nothing.
        """
        if operation not in _ONE_CODE:
            raise ValueError(f"{operation} takes more than a code")
        return self._begin(caller, request_id, _Question(subject, operation, code), seconds_left)

    def resynchronize(  # noqa: PLR0913, PLR0917 - one call, six facts
        self,
        caller: Caller,
        request_id: str,
        subject: Subject,
        first: Otp,
        second: Otp,
        seconds_left: float,
    ) -> Future[Verdict]:
        """Find a token by two consecutive codes, ``first`` shown before ``second`` (RFC 4226 §7.4).

        As a code is judged: what is spent, written down and raised is the same, and the
        outcome is SYNCHRONIZED at best. That spends both codes and has no receipt.
        """
        question = _Question(subject, Operation.RESYNC, first, second)
        return self._begin(caller, request_id, question, seconds_left)

    def conclude(  # noqa: PLR0913 - one call, eight facts
        self,
        *,
        caller: Caller,
        request_id: str,
        subject: Subject,
        operation: Operation,
        code: Otp,
        consequence: Consequence | None,
        words: str,
        seconds_left: float,
    ) -> Future[Verdict]:
        """Judge ``code`` as a call does; with the acceptance goes ``consequence``, all or nothing.

        ``words`` is what else makes two requests the same; it may hold whatever a
        customer typed. A token of nobody's is named by its serial.
        ``consequence`` is None where there was nothing to prepare: then nothing is
        accepted that was not accepted before. `LeaseLost` also says that a row which it
        goes by is another by now: nothing was changed, and what is prepared anew may go
        on under the same request_id.
        """
        _require_fit(operation, subject, consequence)
        question = _Question(subject, operation, code, None, consequence, words)
        return self._begin(caller, request_id, question, seconds_left)

    def sign(  # noqa: PLR0913 - one call, six facts
        self,
        *,
        caller: Caller,
        request_id: str,
        subscriber: BySubscriber,
        signed: Challenge,
        code: Otp,
        seconds_left: float,
    ) -> Future[Verdict]:
        """Judge the ``code`` of a challenge about a transaction (取引確認; RFC 6287 §5.1).

        As a code is judged: what is spent, written down and raised is the same, and it
        comes from the same limits. An acceptance ends the challenge. The future may also
        fail with `ChallengeOver`, where the challenge is used, over, another customer's or
        unknown, or his token is another by now; and with `TransactionChanged`, where
        ``signed`` is not what it was made for. By either nothing is spent. ``code`` has
        `CODE_DIGITS` digits, or the future fails with `InvalidField`.
        """
        question = _Question(subscriber, Operation.SIGNATURE, code, signed=signed)
        return self._begin(caller, request_id, question, seconds_left)

    def _begin(
        self, caller: Caller, request_id: str, question: _Question, seconds_left: float
    ) -> Future[Verdict]:
        answer: Future[Verdict] = asyncio.get_running_loop().create_future()
        until = time.monotonic() + min(seconds_left, LONGEST)
        arrived = self._clock()
        try:
            policy = policy_of(self._policies, caller.tenant)
            claim = self._claim(policy, caller, request_id, question, arrived)
            case = Case(
                claim, question.code, policy.windows, arrived, until, answer, question.second
            )
            self._engine.submit(case)
        except AuthorityError as error:
            answer.set_exception(error)
        return answer

    def _claim(
        self,
        policy: TenantPolicy,
        caller: Caller,
        request_id: str,
        question: _Question,
        arrived: float,
    ) -> Claim:
        return Claim(
            tenant=caller.tenant,
            request_id=request_id,
            caller=caller.name,
            subject=self._kept(policy, question.subject),
            operation=question.operation,
            code_length=len(question.code),
            fingerprint=self._vault.fingerprint(caller.tenant, _message(question)),
            lease=self._leases.fresh(),
            today=self._calendar(policy.zone).date_at(arrived),
            limits=policy.limits,
            notify=None if question.signed else _notify(policy),
            consequence=question.consequence,
            signed=question.signed,
        )

    def _kept(self, policy: TenantPolicy, subject: Subject) -> Subject:
        """Return ``subject`` as the database names it."""
        if policy.subscriber_names is SubscriberNames.PLAIN or isinstance(subject, BySerial):
            return subject
        return BySubscriber(digest_of(self._vault, policy.service_id, subject.value))

    def _calendar(self, zone: ZoneInfo) -> _Calendar:
        calendar = self._calendars.get(zone)
        if calendar is None:
            calendar = self._calendars[zone] = _Calendar(zone)
        return calendar


class _LeaseNames:
    """UUIDs that are fresh, whichever process of the authority draws them.

    Nobody has to guess them. A random one for each would be a system call for each,
    for which the interpreter is let go, and on a busy server waited for again.
    """

    def __init__(self) -> None:
        # All but the last of the five groups of digits.
        self._prefix = str(uuid4())[:24]
        self._numbers = itertools.count()

    def fresh(self) -> str:
        """Return a name in canonical form that nobody else has drawn."""
        return f"{self._prefix}{next(self._numbers):012x}"


class _Calendar:
    """A zone's calendar. Dates change on whole minutes, in every zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._minute = -1
        self._date = date.min

    def date_at(self, now: float) -> date:
        """Return the date at ``now`` (seconds since 1970, UTC)."""
        minute = int(now) // 60
        if minute != self._minute:
            self._minute, self._date = minute, datetime.fromtimestamp(now, self._zone).date()
        return self._date


def _notify(policy: TenantPolicy) -> str | None:
    """Return the address that letters about codes offered twice come from, if any do.

    There are none about signatures: two transfers signed within one time step are no
    code that anybody has copied.
    """
    mail = policy.mail
    if mail is None or not mail.replay_body:
        return None
    return mail.sender


def _message(question: _Question) -> bytes:
    """Return what makes two requests the same, in one reading only.

    The operation says what follows. Only the last part is free text; where there are
    two, the first one's length in characters comes before it.
    """
    subject, second, signed = question.subject, question.second, question.signed
    kind = "subscriber" if isinstance(subject, BySubscriber) else "serial"
    begin = f"{kind} {question.operation} {question.code.reveal()}"
    if second is not None:
        return f"{begin} {_after(question.code, second)} {subject.value}".encode()
    if signed is not None:
        _require_signature(question.code)
        about = f"{signed.challenge_id} {signed.digest.hex()}"
        return f"{begin} {about} {subject.value}".encode()
    if question.words is not None:
        return f"{begin} {len(subject.value)} {subject.value} {question.words}".encode()
    return f"{begin} {subject.value}".encode()


def _after(first: Otp, second: Otp) -> str:
    """Return the second of two codes that a token showed one after the other."""
    if len(first) != len(second):
        raise InvalidField("second_code", "must have as many digits as first_code")
    return second.reveal()


def _require_signature(code: Otp) -> None:
    if len(code) != CODE_DIGITS:
        raise InvalidField("code", f"codes that sign have {CODE_DIGITS} digits")


def _require_fit(operation: Operation, subject: Subject, consequence: Consequence | None) -> None:
    """Raise ValueError for a call that no use case may make."""
    if operation not in BRINGS_ABOUT:
        raise ValueError(f"{operation} brings nothing about")
    if isinstance(subject, BySerial) != (operation in TAKES_STOCK):
        raise ValueError(f"{operation} names its token otherwise")
    if consequence is not None and not isinstance(consequence, BRINGS_ABOUT[operation]):
        raise ValueError(f"{operation} does not bring that about")
