# SPDX-License-Identifier: Apache-2.0
"""`VerifyOtp` at two workers on PostgreSQL, beside two handlers that do nothing.

The processes of each side share one port; loadgen's connections are spread over
them by the kernel.
"""

from __future__ import annotations

from typing import Final

from bench.figure import Figure, by_turns
from bench.ground import Ground

IN_FLIGHT: Final = 128


def measure(ground: Ground) -> Figure:
    """Return verifications per second, and calls per second of the empty handlers."""
    seconds = ground.rounds.seconds
    return by_turns(
        ground.rounds,
        lambda: ground.postgresql.closed_rate(IN_FLIGHT, seconds),
        lambda: ground.empty_workers.closed_rate(IN_FLIGHT, seconds),
    )
