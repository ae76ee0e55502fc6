# SPDX-License-Identifier: Apache-2.0
"""Claim, search, settle: one code judged, and written down before the answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, assert_never
from uuid import UUID, uuid4

from kagimori.application.ports import (
    Answered,
    BySubscriber,
    Claim,
    ClaimAnswer,
    Clock,
    Finding,
    Granted,
    GrantedUnknown,
    Held,
    Match,
    NoMatch,
    Overslept,
    Refused,
    Search,
    SearchAnswer,
    SearchFailed,
    SeedVault,
    Settlement,
    Subject,
    VerificationStore,
)
from kagimori.application.verification.queue import TurnNotReached, Turns
from kagimori.domain.code import Otp
from kagimori.domain.errors import LeaseLost, TokenBusy
from kagimori.domain.outcome import Verdict
from kagimori.domain.policy import Operation, TenantPolicy, Windows
from kagimori.domain.token import Token
from kagimori.domain.window import drift_after, window_of

SHORTEST: Final = 0.020
"""Seconds below which a call is refused: nobody would hear the answer."""

LONGEST: Final = 10.0
"""Seconds that a call waits for a token at most, whatever its deadline."""

# A token that another process or another name of it holds is asked for again
# at these intervals, in seconds. Only the front of a line asks.
_FIRST_POLL: Final = 0.010
_LAST_POLL: Final = 0.160

_RETRY_AFTER: Final = 1.0
_RETRY_IN_LINE: Final = 0.1
"""Seconds: a line moves on as fast as its token is verified."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, by the client certificate: the tenant's service ID and a name."""

    tenant: str
    name: str


@dataclass(frozen=True, slots=True)
class _Case:
    """One call. ``arrived`` judges time-based codes (RFC 6238 §5.2: receive time)."""

    claim: Claim
    code: Otp
    arrived: float
    until: float


class VerifyOtp:
    """The use case behind ``VerificationService.VerifyOtp``."""

    def __init__(
        self,
        store: VerificationStore,
        vault: SeedVault,
        policies: Mapping[str, TenantPolicy],
        clock: Clock = time.time,
        *,
        longest_line: int,
    ) -> None:
        """``policies`` is by service ID and holds every tenant that may call.

        ``longest_line`` bounds the calls that wait for one token; see `Turns`.
        """
        self._store = store
        self._vault = vault
        self._policies = policies
        self._clock = clock
        self._turns = Turns(longest_line)

    def __call__(  # noqa: PLR0913, PLR0917 - one call, six facts
        self,
        caller: Caller,
        request_id: UUID,
        subject: Subject,
        operation: Operation,
        code: Otp,
        seconds_left: float,
    ) -> Verdict:
        """Judge ``code`` within ``seconds_left`` seconds; the verdict is durable.

        Raises an `AuthorityError`: `InvalidField`, `RequestIdReused`,
        `RecordTampered`, or a `TryAgain` after which the same request_id may be
        sent again. No attempt is spent by one that failed before the HSM gave
        any result; every other one stays spent.
        """
        if seconds_left < SHORTEST:
            raise _busy("too little of the deadline is left to begin")
        until = time.monotonic() + min(seconds_left, LONGEST)
        arrived = self._clock()
        message = _message(subject, operation, code)
        claim = Claim(
            tenant=caller.tenant,
            request_id=request_id,
            caller=caller.name,
            subject=subject,
            operation=operation,
            code_length=len(code),
            fingerprint=self._vault.fingerprint(caller.tenant, message),
            lease=uuid4(),
            today=self._today(caller.tenant, arrived),
            limits=self._policies[caller.tenant].limits,
        )
        return self._in_turn(_Case(claim, code, arrived, until))

    def _today(self, tenant: str, now: float) -> date:
        return datetime.fromtimestamp(now, self._policies[tenant].zone).date()

    def _in_turn(self, case: _Case) -> Verdict:
        key = (case.claim.tenant, case.claim.subject)
        try:
            with self._turns.turn(key, case.until - SHORTEST):
                return self._claimed(case)
        except TurnNotReached:
            message = "other verifications of this token are under way"
            raise _busy(message, _RETRY_IN_LINE) from None

    def _claimed(self, case: _Case) -> Verdict:
        answer = self._claim(case)
        match answer:
            case Answered(verdict):
                return verdict
            case Refused(error):
                raise error
            case Granted(token):
                return self._judge(case, token)
            case GrantedUnknown():
                return self._judge(case, None)
            case Held(seconds):
                raise _busy("another verification of this token is under way", seconds)
        assert_never(answer)

    def _claim(self, case: _Case) -> ClaimAnswer:
        """Claim until it is not `Held` any more, or the deadline comes near."""
        pause = _FIRST_POLL
        while True:
            (answer,) = self._store.claim([case.claim])
            if not isinstance(answer, Held):
                return answer
            nap = min(pause, answer.seconds)
            if time.monotonic() + nap > case.until - SHORTEST:
                return answer
            time.sleep(nap)
            pause = min(2 * pause, _LAST_POLL)

    def _judge(self, case: _Case, granted: Token | None) -> Verdict:
        """Search and settle; ``granted`` is None where the name is unknown."""
        answer = self._search(case, granted)
        if isinstance(answer, SearchFailed):
            finding = Finding.BROKEN_OFF if answer.evaluated else Finding.NO_RESULT
            self._store.settle([Settlement(case.claim, granted, finding)])
            if granted:
                answer.error.add_note(f"token {granted.identity.token_id}")
            raise answer.error
        windows = self._policies[case.claim.tenant].windows
        settlement = _settlement(case, granted, answer, windows)
        (settled,) = self._store.settle([settlement])
        if isinstance(settled, Overslept) or settled.verdict is None:
            raise LeaseLost("the search outlasted the token's lease", _RETRY_AFTER)
        return settled.verdict

    def _search(self, case: _Case, granted: Token | None) -> SearchAnswer:
        windows = self._policies[case.claim.tenant].windows
        try:
            token = granted or self._vault.decoy(case.claim.tenant)
            window = window_of(token, windows, case.arrived)
            (answer,) = self._vault.search([Search(token, window, case.code)])
        except Exception:
            # What the HSM had computed by then is not known: no free guesses.
            self._store.settle([Settlement(case.claim, granted, Finding.BROKEN_OFF)])
            raise
        return answer


def _settlement(
    case: _Case, granted: Token | None, answer: Match | NoMatch, windows: Windows
) -> Settlement:
    if granted is None:
        return Settlement(case.claim, None, Finding.UNKNOWN)
    if isinstance(answer, NoMatch):
        return Settlement(case.claim, granted, Finding.NONE)
    if answer.step <= granted.last_step:
        return Settlement(case.claim, granted, Finding.SPENT)
    drift = drift_after(granted, answer.step, windows, case.arrived)
    return Settlement(case.claim, granted, Finding.FRESH, answer.step, drift)


def _message(subject: Subject, operation: Operation, code: Otp) -> bytes:
    """Return what makes two requests the same, in one reading only."""
    kind = "subscriber" if isinstance(subject, BySubscriber) else "serial"
    parts = [part.encode() for part in (kind, subject.value, operation, code.reveal())]
    return b"".join(len(part).to_bytes(4) + part for part in parts)


def _busy(message: str, retry_after: float = _RETRY_AFTER) -> TokenBusy:
    return TokenBusy(message, retry_after)
