# SPDX-License-Identifier: Apache-2.0
"""The one-time password as a value that cannot be printed by accident."""

from __future__ import annotations

import re
from typing import Final

from kagimori.domain.errors import InvalidField

SHORTEST: Final = 6
LONGEST: Final = 10
"""Dynamic truncation leaves 31 bits, ten digits (RFC 4226 §5.3)."""

# re.ASCII is not enough for \d habits: the class is spelled out, so full-width
# digits, spaces, signs and NUL are refused and nothing is ever normalised.
_FORMAT: Final = re.compile(rf"[0-9]{{{SHORTEST},{LONGEST}}}")


class Otp:
    """A well-formed one-time password (RFC 4226 §5.3): 6 to 10 ASCII digits."""

    __slots__ = ("_digits",)

    def __init__(self, text: str, field: str = "code") -> None:
        """Take ``text`` exactly as typed, or raise `InvalidField` for ``field``."""
        if not _FORMAT.fullmatch(text):
            msg = f"must be {SHORTEST} to {LONGEST} ASCII digits and nothing else"
            raise InvalidField(field, msg)
        self._digits = text

    def __len__(self) -> int:
        """Return the number of digits."""
        return len(self._digits)

    def __repr__(self) -> str:
        """Show no digit: a code in a log is a code in a stranger's hand."""
        return f"Otp({'*' * len(self)})"

    def reveal(self) -> str:
        """Return the digits, for the one search they are meant for."""
        return self._digits
