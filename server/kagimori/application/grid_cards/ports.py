# SPDX-License-Identifier: Apache-2.0
"""A grid card as it is kept, and what asking and answering need of the world."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Final, Protocol

from kagimori.application.enrollment.ports import Done, Stale
from kagimori.domain.grid_card import CardKind, CardPurpose, CardState, Cells, GridOutcome, Pair
from kagimori.domain.policy import Attempts
from kagimori.domain.token import Hash, MovingFactor, Profile, SealedSeed, TokenIdentity
from kagimori.domain.value import value

PROFILE: Final = Profile(MovingFactor.EVENT, Hash.SHA1, digits=6, period=0)
"""A cell is HOTP (RFC 4226 §5.3) of its place, of whose six digits it has the last four."""


@value(frozen=True, slots=True)
class GridAnswer:
    """What a customer read on his card. ``challenge_id`` is a UUID in canonical form."""

    challenge_id: str
    cells: Cells


@value(frozen=True, slots=True)
class GridVerdict:
    """What became of an answer, and how many wrong ones the card will still bear."""

    outcome: GridOutcome
    attempts_left: int


@value(frozen=True, slots=True)
class Challenge:
    """Two positions that are asked for until ``answer_by`` (UTC, by the database's clock)."""

    challenge_id: str
    pair: Pair
    answer_by: datetime


@value(frozen=True, slots=True)
class Given:
    """The one answer that a challenge gets, named by its request.

    ``fingerprint`` is a keyed digest of what was given; ``verdict`` is None while it
    is being judged.
    """

    request_id: str
    fingerprint: bytes = field(repr=False)
    verdict: GridVerdict | None = None


@value(frozen=True, slots=True)
class Card:
    """A customer's card. ``challenge`` is the last that was made, ``given`` its answer.

    ``generation`` counts the changes of the row; ``spent`` is of the limits.
    """

    identity: TokenIdentity
    row_mac: bytes = field(repr=False)
    state: CardState
    generation: int
    spent: Attempts
    challenge: Challenge | None = None
    given: Given | None = None


@value(frozen=True, slots=True)
class Seen:
    """A card as it was at ``now``, by the database's clock (UTC)."""

    now: datetime
    card: Card


@value(frozen=True, slots=True)
class Line:
    """What the audit log is told of a card: who did what, and what came of it."""

    actor: str
    action: str
    request_id: str | None = None
    outcome: GridOutcome | None = None


class CardStore(Protocol):
    """Customers' cards. Both calls raise `StoreUnavailable`."""

    async def look(self, tenant: str, subscriber: str) -> Seen | None:
        """Return the customer's card; ``subscriber`` is his name as it is kept."""
        ...

    async def change(self, seen: Card, becomes: Card, line: Line | None = None) -> Done | Stale:
        """Write down what a card becomes, and ``line``, in one transaction: durable then.

        `Stale` if it is not as it was ``seen`` any more: nothing was changed.
        """
        ...


class CardVault(Protocol):
    """The HSM, as answers use it."""

    async def cells_match(
        self, identity: TokenIdentity, row_mac: bytes, pair: Pair, cells: Cells
    ) -> bool:
        """Return whether ``cells`` stand on the card at ``pair``.

        Both are always computed and compared, in the same time whatever they are. Raises
        `RecordTampered`, or `HsmUnavailable` if there is no result.
        """
        ...


def card_identity(
    tenant: str, card_id: str, number: str, subscriber: str | None, sealed: SealedSeed
) -> TokenIdentity:
    """Return what the row MAC of a card covers.

    ``number`` is printed on it; ``subscriber`` is the customer's name as it is kept.
    """
    return TokenIdentity(
        tenant=tenant,
        token_id=card_id,
        serial=number,
        subscriber=subscriber,
        kind=CardKind.GRID_CARD,
        purpose=CardPurpose.LOOK_UP,
        profile=PROFILE,
        seed=sealed,
    )
