# SPDX-License-Identifier: Apache-2.0
"""Structured logs on standard error: one line an event, never a secret in it.

Nothing waits for a line to be written: whoever logs hands the event to a thread,
which renders and writes what has gathered in one go (each line alone would cost
a busy event loop several times as much). A pipe that nobody reads holds up that
thread alone; events that it cannot take any more are counted and dropped, for
what must not be lost is in the audit. What was logged in the last `LINGER`
before a kill -9 is lost too.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Final

import orjson
import structlog

from kagimori.config import LogSection

Facts = dict[str, object]
Event = tuple[datetime, str, str, Facts]
"""When, at which level, what, and what there is to say of it."""

_LIBRARY: Final = structlog.get_logger("kagimori.library")

MOST_WAITING: Final = 20_000
"""Events that may wait to be written: some seconds of a busy server."""

LINGER: Final = 0.02
"""Seconds for which events gather, so that a busy server is not woken for each."""

_AT_THE_END: Final = 2.0
"""Seconds that the last events may take."""


def configure(log: LogSection, worker: int | None = None) -> None:
    """Set the level and the shape of every log line of this process.

    With ``worker`` (a process ID) each line says which of several wrote it.
    """
    level = logging.getLevelNamesMapping()[log.level.upper()]
    constant = {} if worker is None else {"worker": worker}
    if log.format == "json":
        _configure_json(level, constant)
    else:
        _configure_console(level, constant)
    logging.basicConfig(handlers=[_Library()], level=logging.WARNING, force=True)


def write_out() -> None:
    """Write what waits to be written, before a process ends without Python's own end."""
    while _WRITERS:
        _WRITERS.pop().close()


def _configure_json(least: int, constant: Mapping[str, object]) -> None:
    writer = EventWriter(sys.stderr.fileno(), constant)
    if not _WRITERS:
        atexit.register(write_out)
    _WRITERS.append(writer)
    structlog.configure(
        processors=[],
        wrapper_class=_from(least),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )


def _configure_console(least: int, constant: Mapping[str, object]) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            lambda _logger, _level, event: {**event, **constant},
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


class _Logger(structlog.BoundLoggerBase):
    """What `structlog.get_logger` gives: an event is the writer's in one step.

    There is one for each call, and a chain of processors would cost as much as
    all else that the guard does.
    """

    def debug(self, event: str, **facts: object) -> None:
        self._logger.write("debug", event, facts)

    def info(self, event: str, **facts: object) -> None:
        self._logger.write("info", event, facts)

    def warning(self, event: str, **facts: object) -> None:
        self._logger.write("warning", event, facts)

    def error(self, event: str, **facts: object) -> None:
        self._logger.write("error", event, facts)


def _from(least: int) -> type[_Logger]:
    """Return a logger of the levels that are not below ``least``."""
    levels = logging.getLevelNamesMapping()
    low = [name for name in ("debug", "info", "warning") if levels[name.upper()] < least]
    return type("Logger", (_Logger,), dict.fromkeys(low, _write_nothing))


def _write_nothing(_logger: _Logger, _event: str, **_facts: object) -> None:
    """Take the place of a level that is not written."""


class EventWriter:
    """Writes events to a descriptor, one JSON object a line, from a thread of its own."""

    def __init__(
        self,
        descriptor: int,
        constant: Mapping[str, object] = MappingProxyType({}),
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """Begin; ``constant`` is in every line, ``most_waiting`` bounds the events in memory."""
        self._descriptor = descriptor
        self._constant = constant
        self._most_waiting = most_waiting
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._dropped = 0
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        _start_deaf(self._thread)

    def write(self, level: str, event: str, facts: Facts) -> None:
        """Take the event; return at once. ``facts`` are the writer's from now on."""
        if self._events.qsize() < self._most_waiting:
            self._events.put((datetime.now(UTC), level, event, facts))
        else:
            self._dropped += 1

    def close(self) -> None:
        """Write what waits, within `_AT_THE_END`; nothing is taken any more."""
        self._events.put(None)
        self._thread.join(_AT_THE_END)

    def _write_all(self) -> None:
        closing = False
        while not closing:
            events = [self._events.get()]
            if events[0] is not None:
                time.sleep(LINGER)
                events += self._waiting()
            closing = None in events
            events += self._losses()
            self._put_out(b"".join(self._line(event) for event in events if event is not None))

    def _waiting(self) -> list[Event | None]:
        waiting = []
        with suppress(Empty):
            while True:
                waiting.append(self._events.get_nowait())
        return waiting

    def _losses(self) -> list[Event]:
        dropped, self._dropped = self._dropped, 0
        if not dropped:
            return []
        return [(datetime.now(UTC), "warning", "log dropped", {"events": dropped})]

    def _line(self, event: Event) -> bytes:
        at, level, name, facts = event
        stamp = {"timestamp": at, "level": level, "event": name, **self._constant}
        try:
            return _json({**stamp, **facts})
        except TypeError:
            # Text that UTF-8 cannot hold, say: it must not end this thread.
            return _json({**stamp, "unwritable": sorted(facts)})

    def _put_out(self, octets: bytes) -> None:
        # Nobody reads any more: the server is there for its callers all the same.
        with suppress(OSError):
            while octets:
                octets = octets[os.write(self._descriptor, octets) :]


def _json(line: Facts) -> bytes:
    return orjson.dumps(line, default=repr, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


_WRITERS: Final[list[EventWriter]] = []


def _start_deaf(thread: threading.Thread) -> None:
    """Start ``thread`` with every signal blocked: they are for the threads that wait for them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Library(logging.Handler):
    """Logs what a library beneath us logs: who and what kind, never a value.

    Libraries quote values in their messages' arguments, later lines and errors.
    """

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        tell = _LIBRARY.error if record.levelno >= logging.ERROR else _LIBRARY.warning
        tell(
            "library",
            library=record.name,
            message=str(record.msg).partition("\n")[0],
            **({"error": kind.__name__} if kind else {}),
        )
