# SPDX-License-Identifier: Apache-2.0
"""`VerifyOtp` on SQLite, beside a handler that does nothing.

Over mTLS from loadgen, with many calls in flight; each is a fresh right code and
must be accepted.
"""

from __future__ import annotations

from typing import Final

from bench.figure import Figure, by_turns
from bench.ground import Ground

IN_FLIGHT: Final = 64


def measure(ground: Ground) -> Figure:
    """Return verifications per second, and calls per second of the empty handler."""
    seconds = ground.rounds.seconds
    return by_turns(
        ground.rounds,
        lambda: ground.sqlite.closed_rate(IN_FLIGHT, seconds),
        lambda: ground.empty.closed_rate(IN_FLIGHT, seconds),
    )
