# SPDX-License-Identifier: Apache-2.0
"""Asking again, within one deadline and under one request_id."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from kagimori_client.errors import Unavailable

MOST_ATTEMPTS: Final = 4
FIRST_WAIT: Final = 0.05
"""Seconds before the second attempt; it doubles with each one."""

A = TypeVar("A")


def ask(attempt: Callable[[float], A], timeout: float) -> A:
    """Call ``attempt(seconds left)`` until it answers.

    `Unavailable` is tried again, at most `MOST_ATTEMPTS` times in all and only
    while the wait fits into ``timeout`` seconds; then it is raised. Everything
    else is raised at once.
    """
    deadline = time.monotonic() + timeout
    for wait in _waits():
        try:
            return attempt(max(0.0, deadline - time.monotonic()))
        except Unavailable as outage:
            pause = _jittered(max(wait, outage.retry_after or 0.0))
            if time.monotonic() + pause >= deadline:
                raise
        time.sleep(pause)
    return attempt(max(0.0, deadline - time.monotonic()))


def _waits() -> Iterator[float]:
    """Yield the wait after each attempt but the last, in seconds."""
    for exponent in range(MOST_ATTEMPTS - 1):
        yield FIRST_WAIT * 2**exponent


def _jittered(wait: float) -> float:
    """Spread callers that failed together; never sooner than was asked for."""
    return wait * random.uniform(1.0, 1.5)  # noqa: S311 - no secret
