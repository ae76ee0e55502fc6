# SPDX-License-Identifier: Apache-2.0
"""What sending letters needs of the world: an outbox, and somebody who carries mail."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from kagimori.application.notification.letter import Letter
from kagimori.domain.value import value


@value(frozen=True, slots=True)
class Due:
    """A letter that is ours to send while the lease lasts.

    ``tries`` counts this one in. ``posted_at`` is when it was put into the outbox
    and ``age`` how many seconds ago that was, both by the outbox's clock.
    """

    letter: Letter
    lease: str
    tries: int
    posted_at: datetime
    age: float


class OutboxStore(Protocol):
    """Letters that are to be sent. All of it is durable when a call returns.

    Each call raises `StoreUnavailable` if the database fails. What ends a try
    returns False, and changes nothing, if the lease was lost to another process.
    """

    async def claim(self, lease: str, seconds: float) -> Due | None:
        """Take the letter that has been due longest; None if none is.

        Nobody else is given it for ``seconds``, or until the try is ended.
        ``lease`` is a fresh UUID in canonical form.
        """
        ...

    async def sent(self, due: Due, reply: str) -> bool:
        """Write down that the letter is on its way, and forget whom it goes to."""
        ...

    async def refused(self, due: Due, reply: str) -> bool:
        """Write down that the letter cannot be sent, and forget whom it was for."""
        ...

    async def later(self, due: Due, seconds: float, reply: str) -> bool:
        """Let the letter be due again in so many seconds."""
        ...


@value(frozen=True, slots=True)
class Mail:
    """A letter in its words. ``written_at`` is aware; addresses are bare (no name)."""

    message_id: str
    written_at: datetime
    sender: str
    sender_name: str
    recipient: str = field(repr=False)
    subject: str
    body: str = field(repr=False)


class Fate(StrEnum):
    """What became of a try to hand a letter over."""

    ACCEPTED = "ACCEPTED"
    """It is the mail server's now: never hand it over again."""
    REFUSED = "REFUSED"
    """The mail server will not take this letter, however often it is asked."""
    UNDECIDED = "UNDECIDED"
    """Anything else: ask again later."""


@value(frozen=True, slots=True)
class Carried:
    """What a try came to; ``reply`` is the server's code or a few words of ours.

    Never the server's own words: they may quote the address. ``reached`` is
    whether the server came to hear of the letter at all.
    """

    fate: Fate
    reply: str
    reached: bool = True


class MailCarrier(Protocol):
    """Hands letters to a mail server."""

    @property
    def longest(self) -> float:
        """Seconds that `carry` takes at most."""
        ...

    async def carry(self, mail: Mail) -> Carried:
        """Hand ``mail`` over once. It never raises for what a server does."""
        ...
