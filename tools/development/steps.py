# SPDX-License-Identifier: Apache-2.0
"""Time steps, for whoever needs some of one left."""

from __future__ import annotations

import time

SETTLED_SECONDS = 8.0
"""A check of neighbouring steps wants this much of the step left."""


def wait_within_step(period: int, seconds: float = SETTLED_SECONDS) -> None:
    """Return when at least ``seconds`` of the time step of ``period`` seconds are left."""
    left = period - time.time() % period
    if left < seconds:
        time.sleep(left + 0.1)
