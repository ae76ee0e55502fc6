# SPDX-License-Identifier: Apache-2.0
"""One verification on its way to an answer."""

from __future__ import annotations

from asyncio import Future
from dataclasses import dataclass
from typing import Final

from kagimori.application.ports import Claim
from kagimori.domain.code import Otp
from kagimori.domain.outcome import Verdict
from kagimori.domain.policy import Windows

SHORTEST: Final = 0.020
"""Seconds below which work is not begun: nobody would hear what it came to."""

RETRY_AFTER: Final = 1.0
"""Seconds after which a call that got no answer is worth making again."""

FIRST_PAUSE: Final = 0.010
"""Seconds until a token that another server holds is asked for again, at first."""


@dataclass(slots=True, eq=False)
class Case:
    """A claim, and the caller who waits for its ``answer``.

    ``arrived`` judges time-based codes (RFC 6238 §5.2: the time of receipt);
    ``until`` is the caller's deadline by `time.monotonic`. From ``claimed`` on
    an attempt may be spent, and nothing but a settlement ends the case; before, it
    may be ``withdrawn`` and then is never claimed.
    ``held_for`` is how many seconds another server, or another name of the token,
    may keep it; None if nobody was found to. With ``second`` it is a
    resynchronisation, and ``code`` was shown before that.
    """

    claim: Claim
    code: Otp
    windows: Windows
    arrived: float
    until: float
    answer: Future[Verdict]
    second: Otp | None = None
    claimed: bool = False
    withdrawn: bool = False
    pause: float = FIRST_PAUSE
    held_for: float | None = None

    def is_too_late(self, now: float) -> bool:
        """Return whether too little of the deadline is left to begin anything."""
        return now > self.until - SHORTEST

    def tell(self, verdict: Verdict) -> None:
        """Answer, unless the caller is gone or was told something else."""
        if not self.answer.done():
            self.answer.set_result(verdict)

    def fail(self, error: Exception) -> None:
        """Answer with ``error``, unless the caller is gone or was told something else."""
        if not self.answer.done():
            self.answer.set_exception(error)
