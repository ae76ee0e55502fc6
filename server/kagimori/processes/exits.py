# SPDX-License-Identifier: Apache-2.0
"""What a serving process tells by its exit code; ``docs/operator.md`` has the table."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """The codes are those of ``sysexits.h``, so that 1 stays a traceback's."""

    STOPPED = 0
    HUNG = 75
    """A PKCS#11 call hangs; another process may do better (EX_TEMPFAIL)."""
    LOGIN_REFUSED = 77
    """The HSM refused the PIN. Whoever starts it again spends another try (EX_NOPERM)."""
    REFUSED = 78
    """It must not start as it is configured, or not now; it said why (EX_CONFIG)."""
