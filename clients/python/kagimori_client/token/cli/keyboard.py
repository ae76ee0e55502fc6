# SPDX-License-Identifier: Apache-2.0
"""Single keys, while a code is on the screen."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

try:
    import termios
    import tty
except ImportError:  # Windows: Ctrl-C leaves, other keys do nothing
    _HAS_TERMIOS = False
else:
    _HAS_TERMIOS = True

_QUIET: Final = 0.05
"""Seconds without a line after which a paste is over."""
_MOST_LINES: Final = 1000
_SUSPEND: Final = b"\x00"  # _POSIX_VDISABLE
_CONTROL_D: Final = "\x04"
LEAVES: Final = frozenset(("q", "Q", "ｑ", "Ｑ", _CONTROL_D))  # noqa: RUF001 - an IME may be on


class Keyboard:
    """What is typed, or nothing where nobody types."""

    def __init__(self, descriptor: int | None) -> None:
        """Read from ``descriptor``, a terminal's."""
        self._descriptor = descriptor

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; return whether a key says to leave."""
        if self._descriptor is None:
            time.sleep(seconds)
            return False
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if not ready:
            return False
        typed = os.read(self._descriptor, 64)
        # Nothing to be read from a terminal: it is gone.
        return not typed or not LEAVES.isdisjoint(typed.decode(errors="replace"))


@contextlib.contextmanager
def keyboard() -> Iterator[Keyboard]:
    """Give keys one by one, unseen; being ended or hung up on is a Ctrl-C."""
    with _ended_as_interrupted(), _one_by_one() as descriptor:
        yield Keyboard(descriptor)


def discard_typed() -> None:
    """Throw away what was typed ahead, such as the rest of what was pasted."""
    if not _HAS_TERMIOS or not sys.stdin.isatty():
        return
    descriptor = sys.stdin.fileno()
    # Of a terminal that is gone there would be no end.
    for _ in range(_MOST_LINES):
        termios.tcflush(descriptor, termios.TCIFLUSH)
        ready, _, _ = select.select([descriptor], [], [], _QUIET)
        if not ready:
            return


@contextlib.contextmanager
def _one_by_one() -> Iterator[int | None]:
    if not _HAS_TERMIOS or not sys.stdin.isatty():
        yield None
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        _forbid_suspending(descriptor)
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


def _forbid_suspending(descriptor: int) -> None:
    """Take Ctrl-Z away: a stopped app would leave its code on the screen."""
    mode: list[Any] = termios.tcgetattr(descriptor)
    mode[6][termios.VSUSP] = _SUSPEND
    termios.tcsetattr(descriptor, termios.TCSANOW, mode)


@contextlib.contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [(number, signal.signal(number, _interrupt)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
