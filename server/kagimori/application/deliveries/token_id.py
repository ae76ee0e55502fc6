# SPDX-License-Identifier: Apache-2.0
"""Names for new tokens: unique, and the later the greater."""

from __future__ import annotations

import secrets
import time

_VERSION = 7 << 76
_VARIANT = 0b10 << 62
_RANDOM = (1 << 128) - 1 - (0xF << 76) - (0b11 << 62)


def rising_id() -> str:
    """Return a new name of 32 hexadecimal digits, which tells when it was made.

    An index takes names that rise at its end: random ones each cost it another page.
    """
    return uuid7(time.time_ns() // 1_000_000, secrets.token_bytes(10))


def uuid7(milliseconds: int, random: bytes) -> str:
    """Return the UUID of a time since 1970 (RFC 9562 §5.7), without its hyphens.

    Of ``random``, which has ten octets, 74 bits are used.
    """
    number = milliseconds << 80 | int.from_bytes(random, "big")
    return f"{number & _RANDOM | _VERSION | _VARIANT:032x}"
