# SPDX-License-Identifier: Apache-2.0
"""Waiting for a token without asking the database again and again."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class TurnNotReached(Exception):
    """The line is too long, or the time ran out before the front of it."""


class Turns:
    """One call per key at a time, first come, first served."""

    def __init__(self, longest: int) -> None:
        """Keep no more than ``longest`` calls in any one line, its front included.

        Whoever stands in a line holds a thread: ``longest`` must be well below
        the number of threads, or one held token stops every other.
        """
        self._longest = longest
        self._lock = threading.Lock()
        self._lines: dict[Hashable, deque[threading.Event]] = {}

    @contextmanager
    def turn(self, key: Hashable, until: float) -> Iterator[None]:
        """Hold ``key``'s turn in the block; ``until`` is by `time.monotonic`.

        Raises `TurnNotReached` where the block would not be entered in time.
        """
        ticket = self._join(key)
        try:
            if not ticket.wait(max(0.0, until - time.monotonic())):
                raise TurnNotReached
            yield
        finally:
            self._leave(key, ticket)

    def _join(self, key: Hashable) -> threading.Event:
        ticket = threading.Event()
        with self._lock:
            line = self._lines.setdefault(key, deque())
            if len(line) >= self._longest:
                raise TurnNotReached
            line.append(ticket)
            line[0].set()
        return ticket

    def _leave(self, key: Hashable, ticket: threading.Event) -> None:
        with self._lock:
            line = self._lines[key]
            line.remove(ticket)
            if line:
                line[0].set()
            else:
                del self._lines[key]
