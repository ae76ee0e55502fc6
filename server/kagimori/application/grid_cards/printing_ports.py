# SPDX-License-Identifier: Apache-2.0
"""What printing grid cards needs of the world: a press, a print shop, a parcel and a stock."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from typing import Protocol

from kagimori.domain.token import SealedSeed, TokenIdentity
from kagimori.domain.value import value


@value(frozen=True, slots=True)
class DrawnCard:
    """A card's seed under the tenant's wrapping key, and the eight cells it derives.

    Each cell is four ASCII digits, in the order of the columns
    (`kagimori.domain.grid_card.COLUMNS`): HOTP with HMAC-SHA-1 of the counters
    0 to 7, its last four digits (RFC 4226 §5.3).
    """

    sealed: SealedSeed
    cells: tuple[str, ...] = field(repr=False)


class CardPress(Protocol):
    """The HSM, as the process that prints uses it."""

    async def draw_cards(self, tenant: str, count: int) -> list[DrawnCard]:
        """Draw ``count`` seeds inside the HSM, each with custody CELLS_PRINTED.

        Raises `HsmUnavailable`.
        """
        ...

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        """Return the MACs that bind rows together, in order; raise `HsmUnavailable`."""
        ...

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        """Return the digest that `SeedVault.fingerprint` returns."""
        ...


class Sheet(Protocol):
    """What is to be printed, in clear and in memory alone."""

    def add(self, number: str, subscriber_ref: str, cells: Sequence[str]) -> None:
        """Add a card: its number, whose it is by the bank's own number, and its cells."""
        ...

    def seal(self) -> bytes:
        """Return the sheet, encrypted to the print shop."""
        ...


class PrintShop(Protocol):
    """Whoever prints the cards, known by a certificate."""

    def sheet(self) -> AbstractContextManager[Sheet]:
        """Begin an empty sheet, which is wiped when the block is left."""
        ...


class Parcel(Protocol):
    """The file for the print shop, which has its name only when its cards are live."""

    def stage(self, octets: bytes) -> None:
        """Make ``octets`` durable under another name; raise `OSError`.

        What is staged stays there, whatever happens, until it is released.
        """
        ...

    def release(self) -> None:
        """Give it its name, durably; raise `OSError`."""
        ...


@value(frozen=True, slots=True)
class NewCard:
    """A card's row: its identity and the MAC over that."""

    identity: TokenIdentity
    row_mac: bytes = field(repr=False)


class CardStock(Protocol):
    """The grid cards of all tenants. Each call is one transaction."""

    async def add(self, cards: Sequence[NewCard], actor: str) -> int:
        """Insert all, durably or not at all; return how many cards they replace.

        A customer's earlier card becomes REPLACED and its seed is destroyed. There is
        an audit row for each. Raises `StoreUnavailable`.
        """
        ...

    async def printed(self, run: str) -> int:
        """Return how many cards have a name that begins with ``run``, of any tenant.

        Whoever adds cards at this moment, or did when his process died, is waited for.
        """
        ...
