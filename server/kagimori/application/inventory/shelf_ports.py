# SPDX-License-Identifier: Apache-2.0
"""What staff see of tokens: everything but seeds, codes and customers' names."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Protocol

from kagimori.application.enrollment.ports import Done, HeldToken, Stale
from kagimori.domain.device import Device, Validity
from kagimori.domain.lifecycle import DESTROYED, State
from kagimori.domain.policy import Attempts
from kagimori.domain.token import CustodyLabel, Kind, Profile
from kagimori.domain.value import value

EXPIRED: Final = "EXPIRED"
"""What a token is called whose time of validity is over, unless its seed is destroyed."""

STATES: Final = (*(state.value for state in State), EXPIRED)
"""The words by which tokens are looked for."""


@value(frozen=True, slots=True)
class Shelved:
    """A token as the database has it; nothing of it is checked by the HSM.

    ``is_bound`` says whether a customer has it. ``delivery_id`` and ``imported_at``
    are None for a token that came with no delivery.
    """

    token_id: str
    serial: str
    state: State
    is_bound: bool
    kind: Kind
    profile: Profile
    custody: CustodyLabel
    key_version: int
    last_step: int
    drift: int
    generation: int
    spent: Attempts
    validity: Validity
    device: Device
    delivery_id: str | None
    imported_at: datetime | None

    def called(self, now: datetime) -> str:
        """Return one of `STATES`."""
        if self.state not in DESTROYED and self.validity.is_over(now):
            return EXPIRED
        return self.state


@value(frozen=True, slots=True)
class Delivered:
    """The delivery that a token came with. ``digest`` is the file's SHA-256, in hexadecimal.

    ``finished_at`` is None where the file was not read to its end.
    """

    digest: str
    vendor: str
    actor: str
    begun_at: datetime
    finished_at: datetime | None


@value(frozen=True, slots=True)
class Told:
    """A line of the audit log: who did what, and what it came to, where it came to something."""

    at: datetime
    actor: str
    action: str
    operation: str | None
    outcome: str | None


@value(frozen=True, slots=True)
class Card:
    """All there is to see of a token at the time ``now``, by the database's clock (UTC).

    ``told`` is the end of what the audit log tells of it, the newest line first.
    """

    now: datetime
    token: Shelved
    delivery: Delivered | None
    told: tuple[Told, ...]


@value(frozen=True, slots=True)
class Wanted:
    """Which tokens are looked for: those that meet all that is given.

    ``states`` are of `STATES`, none of them meaning any. A token is ``ending`` whose
    validity ends before a time, or whose battery is counted from a day or an earlier
    one; one with a ``drift`` computes by the clock, and is that many steps off or
    more, up to the second number where there is one. Neither of these two is ever
    one whose seed is destroyed.
    """

    states: frozenset[str] = frozenset()
    custody: CustodyLabel | None = None
    prefix: str = ""
    delivery_id: str | None = None
    is_bound: bool | None = None
    ending: tuple[datetime, date] | None = None
    drift: tuple[int, int | None] | None = None


@value(frozen=True, slots=True)
class Page:
    """Tokens in the order of their serials, as they were at ``now``.

    ``end`` is the serial up to which all were looked at; None where that is the last.
    """

    now: datetime
    tokens: tuple[Shelved, ...]
    end: str | None


@value(frozen=True, slots=True)
class Change:
    """A token that becomes something else, as it was read. ``action`` is the audit log's word.

    ``today`` is the tenant's calendar day, on which an enrolment ends that the token
    came of.
    """

    tenant: str
    seen: HeldToken
    becomes: State
    action: str
    actor: str
    today: date


class Shelf(Protocol):
    """All tokens of the tenants, to be looked at and put away. All raise `StoreUnavailable`.

    Each call takes short transactions only: a server may be at work beside it.
    """

    async def now(self) -> datetime:
        """Return the time by the database's clock, UTC."""
        ...

    async def page(self, tenant: str, wanted: Wanted, after: str = "") -> Page:
        """Return tokens of the tenant whose serials come after ``after``, bounded in number.

        A page may be empty and yet not be the last.
        """
        ...

    async def look(self, tenant: str, serial: str) -> Card | None:
        """Return a token with its last ten lines of the audit log; None if there is no such."""
        ...

    async def unlock(self, change: Change) -> Done | Stale:
        """Give a token its attempts back, but for those of the day."""
        ...

    async def destroy(self, change: Change) -> Done | Stale:
        """Destroy a token's seeds, bind it to nobody, and end the enrolment it came of."""
        ...
