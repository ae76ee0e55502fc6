# SPDX-License-Identifier: Apache-2.0
"""Send what is in the outbox: each letter once, none of them lost.

A letter is claimed, handed to the mail server, and what became of it written
down. Between the server's "250" and our commit lies the one moment at which a
crash makes a second try follow a good one; it has the same Message-ID.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from kagimori.application.notification.ports import (
    Carried,
    Due,
    Fate,
    MailCarrier,
    OutboxStore,
)
from kagimori.application.notification.wording import NoTemplate, NotWanted, worded
from kagimori.domain.enrollment import LetterKind
from kagimori.domain.errors import StoreUnavailable
from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.value import value

FIRST_WAIT: Final = 60.0
"""Seconds after the first failed try; the wait doubles with each."""

LONGEST_WAIT: Final = 3600.0

PATIENCE: Final = 3 * 86_400.0
"""Seconds for which a letter is tried before it is given up."""

SPREAD: Final = 0.2
"""How much of a wait is left to chance, so that what failed together parts."""

MARGIN: Final = 60.0
"""Seconds that a lease lasts beyond the longest conversation."""

GAVE_UP: Final = "gave up"
NO_TEMPLATE: Final = "no template"
NOT_WANTED: Final = "not wanted"

_CHANCE: Final = random.SystemRandom().random


class Outcome(StrEnum):
    """What became of a letter that was due."""

    SENT = "SENT"
    REFUSED = "REFUSED"
    LATER = "LATER"
    LEASE_LOST = "LEASE_LOST"
    """This try took so long that another process has the letter; nothing was written."""


@value(frozen=True, slots=True)
class Report:
    """What may be told of a try: nothing of whom the letter goes to."""

    letter_id: str
    tenant: str
    kind: LetterKind
    outcome: Outcome
    tries: int
    reply: str
    reached: bool


class SendLetters:
    """The use case; any number of processes may run it at once."""

    def __init__(
        self,
        outbox: OutboxStore,
        carrier: MailCarrier,
        policies: Mapping[str, TenantPolicy],
        chance: Callable[[], float] = _CHANCE,
    ) -> None:
        """``policies`` are by service ID and may change; ``chance`` gives 0 to 1."""
        self._outbox = outbox
        self._carrier = carrier
        self._policies = policies
        self._chance = chance

    async def next(self) -> Report | None:
        """Try the letter that has been due longest; None if no letter is due.

        Raises `StoreUnavailable`; then the letter, if one was claimed, is due
        again when its lease runs out.
        """
        lasts = self._carrier.longest + MARGIN
        ends = asyncio.get_running_loop().time() + lasts
        due = await self._outbox.claim(str(uuid.uuid4()), lasts)
        if due is None:
            return None
        carried, outcome = await self._tried(due)
        kept = await self._written_down(due, carried, outcome, ends)
        return _report(due, carried, outcome if kept else Outcome.LEASE_LOST)

    async def _tried(self, due: Due) -> tuple[Carried, Outcome]:
        try:
            mail = worded(due, self._policies.get(due.letter.tenant))
        except NotWanted:
            return Carried(Fate.REFUSED, NOT_WANTED), Outcome.REFUSED
        except NoTemplate:
            # However long: the tenant's next policy may have one.
            return Carried(Fate.UNDECIDED, NO_TEMPLATE), Outcome.LATER
        return _judged(due, await self._carrier.carry(mail))

    async def _written_down(
        self, due: Due, carried: Carried, outcome: Outcome, ends: float
    ) -> bool:
        """Write down what became of a letter; where it matters, until it is written.

        A letter that went out and is still in the outbox goes out again.
        """
        while True:
            try:
                return await self._write_down(due, carried, outcome)
            except StoreUnavailable as trouble:
                over = asyncio.get_running_loop().time() + trouble.retry_after > ends
                if outcome is Outcome.LATER or over:
                    raise
                await asyncio.sleep(trouble.retry_after)

    async def _write_down(self, due: Due, carried: Carried, outcome: Outcome) -> bool:
        if outcome is Outcome.SENT:
            return await self._outbox.sent(due, carried.reply)
        if outcome is Outcome.REFUSED:
            return await self._outbox.refused(due, carried.reply)
        return await self._outbox.later(due, wait(due.tries, self._chance()), carried.reply)


def wait(tries: int, chance: float) -> float:
    """Return how many seconds pass after so many tries; ``chance`` is 0 to 1."""
    doublings = min(tries - 1, 10)  # no more than reaches the longest
    whole = min(FIRST_WAIT * 2.0**doublings, LONGEST_WAIT)
    return whole * (1 - SPREAD * chance)


def _judged(due: Due, carried: Carried) -> tuple[Carried, Outcome]:
    if carried.fate is Fate.ACCEPTED:
        return carried, Outcome.SENT
    if carried.fate is Fate.REFUSED:
        return carried, Outcome.REFUSED
    if due.age < PATIENCE:
        return carried, Outcome.LATER
    return Carried(Fate.REFUSED, GAVE_UP, carried.reached), Outcome.REFUSED


def _report(due: Due, carried: Carried, outcome: Outcome) -> Report:
    letter = due.letter
    return Report(
        letter.letter_id,
        letter.tenant,
        letter.kind,
        outcome,
        due.tries,
        carried.reply,
        carried.reached,
    )
