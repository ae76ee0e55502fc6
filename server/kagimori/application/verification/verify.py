# SPDX-License-Identifier: Apache-2.0
"""Claim, search, settle: one code judged, and written down before the answer.

Two consecutive codes that bring a token back go the same way.
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

from kagimori.application.policies import Policies, policy_of
from kagimori.application.ports import BySerial, BySubscriber, Claim, Clock, SeedVault, Subject
from kagimori.application.subscribers import digest_of
from kagimori.application.verification.case import Case
from kagimori.application.verification.engine import Engine
from kagimori.domain.code import Otp
from kagimori.domain.errors import AuthorityError, InvalidField
from kagimori.domain.outcome import Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import SubscriberNames, TenantPolicy

LONGEST: Final = 10.0
"""Seconds that a call waits at most, whatever its deadline."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, by the client certificate: the tenant's service ID and a name."""

    tenant: str
    name: str


class VerifyOtp:
    """The use case behind ``VerifyOtp`` and each item of ``BatchVerifyOtp``.

    Behind ``ResynchronizeToken`` is `resynchronize`.
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
        if operation is Operation.RESYNC:
            raise ValueError("a resynchronisation takes two codes")
        return self._begin(caller, request_id, subject, operation, code, seconds_left)

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
        return self._begin(
            caller, request_id, subject, Operation.RESYNC, first, seconds_left, second
        )

    def _begin(  # noqa: PLR0913, PLR0917 - as above, and one more
        self,
        caller: Caller,
        request_id: str,
        subject: Subject,
        operation: Operation,
        code: Otp,
        seconds_left: float,
        second: Otp | None = None,
    ) -> Future[Verdict]:
        answer: Future[Verdict] = asyncio.get_running_loop().create_future()
        until = time.monotonic() + min(seconds_left, LONGEST)
        arrived = self._clock()
        try:
            policy = policy_of(self._policies, caller.tenant)
            claim = self._claim(
                policy, caller, request_id, subject, operation, code, second, arrived
            )
            case = Case(claim, code, policy.windows, arrived, until, answer, second)
            self._engine.submit(case)
        except AuthorityError as error:
            answer.set_exception(error)
        return answer

    def _claim(  # noqa: PLR0913, PLR0917 - as above
        self,
        policy: TenantPolicy,
        caller: Caller,
        request_id: str,
        subject: Subject,
        operation: Operation,
        code: Otp,
        second: Otp | None,
        arrived: float,
    ) -> Claim:
        message = (
            _message(subject, operation, code)
            if second is None
            else _message_of_two(subject, code, second)
        )
        return Claim(
            tenant=caller.tenant,
            request_id=request_id,
            caller=caller.name,
            subject=self._kept(policy, subject),
            operation=operation,
            code_length=len(code),
            fingerprint=self._vault.fingerprint(caller.tenant, message),
            lease=self._leases.fresh(),
            today=self._calendar(policy.zone).date_at(arrived),
            limits=policy.limits,
            notify=_notify(policy),
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
    """Return the address that letters about codes offered twice come from, if any do."""
    mail = policy.mail
    if mail is None or not mail.replay_body:
        return None
    return mail.sender


def _message(subject: Subject, operation: Operation, code: Otp) -> bytes:
    """Return what makes two requests the same, in one reading only.

    Only the last part is free text.
    """
    return f"{_kind(subject)} {operation} {code.reveal()} {subject.value}".encode()


def _message_of_two(subject: Subject, first: Otp, second: Otp) -> bytes:
    """Return the same of a resynchronisation: its word is followed by two codes."""
    if len(first) != len(second):
        raise InvalidField("second_code", "must have as many digits as first_code")
    codes = f"{first.reveal()} {second.reveal()}"
    return f"{_kind(subject)} {Operation.RESYNC} {codes} {subject.value}".encode()


def _kind(subject: Subject) -> str:
    return "subscriber" if isinstance(subject, BySubscriber) else "serial"
