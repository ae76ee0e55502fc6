# SPDX-License-Identifier: Apache-2.0
"""Digits that can be read across a desk."""

from __future__ import annotations

from typing import Final

ROWS: Final = 5
WIDTH: Final = 6
_BETWEEN: Final = 2
_BETWEEN_GROUPS: Final = 6

# Five rows of three cells each; a cell is two columns, so that it is square.
_CELLS: Final = {
    "0": ("###", "# #", "# #", "# #", "###"),
    "1": (" # ", "## ", " # ", " # ", "###"),
    "2": ("###", "  #", "###", "#  ", "###"),
    "3": ("###", "  #", "###", "  #", "###"),
    "4": ("# #", "# #", "###", "  #", "  #"),
    "5": ("###", "#  ", "###", "  #", "###"),
    "6": ("###", "#  ", "###", "# #", "###"),
    "7": ("###", "  #", "  #", "  #", "  #"),
    "8": ("###", "# #", "###", "# #", "###"),
    "9": ("###", "# #", "###", "  #", "###"),
}


def grouped(code: str) -> list[str]:
    """Return the groups that ``code`` is read in: 4+4, 3+4 or 3+3 digits."""
    half = len(code) // 2
    return [code[:half], code[half:]]


def drawn(code: str, ink: str) -> list[str]:
    """Return the rows of ``code``, all as wide, drawn with ``ink``."""
    groups = [[_CELLS[digit] for digit in group] for group in grouped(code)]
    return [
        (" " * _BETWEEN_GROUPS).join(
            (" " * _BETWEEN).join(_inked(digit[row], ink) for digit in group) for group in groups
        )
        for row in range(ROWS)
    ]


def _inked(cells: str, ink: str) -> str:
    return "".join((ink if cell == "#" else " ") * 2 for cell in cells)
