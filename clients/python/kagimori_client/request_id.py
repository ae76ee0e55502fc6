# SPDX-License-Identifier: Apache-2.0
"""Names for calls, as the authority's database likes them."""

from __future__ import annotations

import secrets
import time
from typing import Final
from uuid import UUID

_VERSION: Final = 7 << 76
_VARIANT: Final = 2 << 62


def fresh() -> UUID:
    """Return a UUID of version 7 (RFC 9562 §5.7): milliseconds, then 74 random bits.

    What was drawn at one time lies together in an index. A random UUID is as good
    a name and touches a page of its own each time. Python has them from 3.14 on.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    high, low = random >> 62, random & (1 << 62) - 1
    return UUID(int=milliseconds << 80 | _VERSION | high << 64 | _VARIANT | low)
