# SPDX-License-Identifier: Apache-2.0
"""お客様カード: a look-up secret of eight cells, two of which are asked for.

NIST SP 800-63B §3.1.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from itertools import combinations
from typing import Final

from kagimori.domain.errors import InvalidField
from kagimori.domain.value import value

COLUMNS: Final = "アイウエオカキク"
"""The card's columns, in order; a cell is known by its place from 0."""

CELL_DIGITS: Final = 4
"""Two cells have 26 bits: more than the 20 of NIST SP 800-63B §3.1.2.1."""

_CELL: Final = re.compile(rf"[0-9]{{{CELL_DIGITS}}}")


class CardKind(StrEnum):
    """What a card's row says the customer holds: no token's row says that."""

    GRID_CARD = "GRID_CARD"


class CardPurpose(StrEnum):
    """What a card's seed is for: no token's is."""

    LOOK_UP = "LOOK_UP"


class CardState(StrEnum):
    """Where a card is in its life."""

    ACTIVE = "ACTIVE"
    LOCKED = "LOCKED"
    """Too many wrong answers."""
    REPLACED = "REPLACED"
    """Another was printed; its seed is destroyed."""


class GridOutcome(StrEnum):
    """What became of an answer."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    LOCKED = "LOCKED"


@value(frozen=True, slots=True)
class Pair:
    """Two positions, the first left of the second."""

    first: int
    second: int

    @property
    def columns(self) -> tuple[str, str]:
        """Return them as they are printed."""
        return COLUMNS[self.first], COLUMNS[self.second]


PAIRS: Final = tuple(Pair(*places) for places in combinations(range(len(COLUMNS)), 2))


def others_than(last: Pair | None) -> Sequence[Pair]:
    """Return the pairs that can come after ``last``: never the same twice in a row."""
    return [pair for pair in PAIRS if pair != last]


class Cells:
    """What a customer read at two positions. No repr shows it."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: str, second: str, field: str = "grid_answer") -> None:
        """Take both exactly as typed, or raise `InvalidField` of ``field``."""
        for name, text in (("first", first), ("second", second)):
            if not _CELL.fullmatch(text):
                msg = f"must be {CELL_DIGITS} ASCII digits"
                raise InvalidField(f"{field}.{name}", msg)
        self._first, self._second = first, second

    def __repr__(self) -> str:
        """Show no digit."""
        return "Cells(…)"

    def reveal(self) -> tuple[str, str]:
        """Return the digits, for the one check they are meant for."""
        return self._first, self._second
