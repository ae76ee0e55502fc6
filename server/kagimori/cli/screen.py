# SPDX-License-Identifier: Apache-2.0
"""What is shown to people: nothing that a terminal would obey."""

from __future__ import annotations

from typing import Final

_IDEOGRAPHIC_SPACE: Final = "\u3000"


def visible(text: str) -> str:
    """Return ``text`` with what a terminal would obey, or would not show, spelled out."""
    if text.isprintable():
        return text
    shown = {"\n", _IDEOGRAPHIC_SPACE}
    return "".join(
        letter if letter.isprintable() or letter in shown else ascii(letter)[1:-1]
        for letter in text
    )
