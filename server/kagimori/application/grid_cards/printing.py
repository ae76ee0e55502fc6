# SPDX-License-Identifier: Apache-2.0
"""Draws grid cards for customers, and hands them over to a print shop.

No customer may ever have a live card whose cells nobody has printed. So the file
that holds them is durable before the cards are live. A card's name begins with the
file's digest: whoever finds a file after a crash can tell whether its cards are live.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kagimori.application.grid_cards.ports import card_identity
from kagimori.application.grid_cards.print_order import (
    PrintOrder,
    PrintRefused,
    PrintUnfinished,
    check_offered,
)
from kagimori.application.grid_cards.printing_ports import (
    CardPress,
    CardStock,
    NewCard,
    Parcel,
    PrintShop,
    Sheet,
)
from kagimori.application.subscribers import kept_name
from kagimori.domain.errors import AuthorityError
from kagimori.domain.token import SealedSeed

BATCH: Final = 256
"""Cards that the HSM draws at a time."""

_RUN_DIGITS: Final = 32
_PREFIX: Final = "GC"
_DRAWN: Final = 10
_LETTERS: Final = string.digits + string.ascii_uppercase


@dataclass(frozen=True, slots=True)
class Printed:
    """A file for the print shop: how many cards, of which others they replace, its SHA-256."""

    cards: int
    replaced: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A card whose cells are on the sheet already."""

    number: str
    name: str
    sealed: SealedSeed


class PrintCards:
    """The use case of the process that prints."""

    def __init__(
        self,
        press: CardPress,
        shop: PrintShop,
        stock: CardStock,
        new_number: Callable[[], str] | None = None,
    ) -> None:
        """``new_number`` draws what a card is called: 12 characters of 0-9 and A-Z."""
        self._press = press
        self._shop = shop
        self._stock = stock
        self._new_number = new_number or draw_number

    async def __call__(
        self, order: PrintOrder, parcel: Parcel, is_over: Callable[[], bool] = lambda: False
    ) -> Printed:
        """Print a card for each customer; all are live when this returns.

        It ends between two batches once ``is_over``. Raises `NotOffered`,
        `PrintRefused`, `HsmUnavailable` or `OSError`: then nothing was changed; or
        `PrintUnfinished`.
        """
        check_offered(order.policy)
        with self._shop.sheet() as sheet:
            drawn = await self._draw(order, sheet, is_over)
            octets = sheet.seal()
        cards = await self._bind(order, drawn, run_of(octets))
        parcel.stage(octets)
        try:
            replaced = await self._stock.add(cards, order.actor)
            parcel.release()
        except (AuthorityError, OSError) as error:
            raise PrintUnfinished(str(error)) from error
        return Printed(len(cards), replaced, hashlib.sha256(octets).digest())

    async def _draw(
        self, order: PrintOrder, sheet: Sheet, is_over: Callable[[], bool]
    ) -> list[_Drawn]:
        """Put each customer's cells on the sheet; return what is kept of his card."""
        numbers: set[str] = set()
        drawn: list[_Drawn] = []
        for begin in range(0, len(order.subscriber_refs), BATCH):
            if is_over():
                raise PrintRefused("it was interrupted")
            batch = order.subscriber_refs[begin : begin + BATCH]
            cards = await self._press.draw_cards(order.policy.service_id, len(batch))
            for subscriber_ref, card in zip(batch, cards, strict=True):
                number = self._number(numbers)
                sheet.add(number, subscriber_ref, card.cells)
                name = kept_name(self._press, order.policy, subscriber_ref)
                drawn.append(_Drawn(number, name, card.sealed))
        return drawn

    def _number(self, numbers: set[str]) -> str:
        while (number := self._new_number()) in numbers:
            pass
        numbers.add(number)
        return number

    async def _bind(self, order: PrintOrder, drawn: list[_Drawn], run: str) -> list[NewCard]:
        tenant = order.policy.service_id
        identities = [
            card_identity(tenant, f"{run}{place:05}", card.number, card.name, card.sealed)
            for place, card in enumerate(drawn)
        ]
        macs = await self._press.row_macs(identities)
        return [NewCard(*row) for row in zip(identities, macs, strict=True)]


def draw_number() -> str:
    """Return a card's number: GC and ten characters that nobody can foretell."""
    return _PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(_DRAWN))


def run_of(octets: bytes) -> str:
    """Return what the names of a file's cards begin with."""
    return hashlib.sha256(octets).hexdigest()[:_RUN_DIGITS]
