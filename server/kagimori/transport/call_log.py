# SPDX-License-Identifier: Apache-2.0
"""One log line for each call: who, what, how it ended, how long it took.

Never a code and never a subscriber: only what a servicer noted. Of an error that
nobody foresaw, its types and places are logged but not its words or locals, for
the libraries beneath us quote values in their messages.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import grpc
import structlog

from kagimori.domain.errors import AuthorityError, EnvelopeRefused, InvalidField
from kagimori.transport.identity import Identity

_LOG: Final = structlog.get_logger("kagimori.rpc")
_HEALTH: Final = "/grpc.health.v1."

# Whoever gives up at the deadline is heard of a little before ours has passed.
_AT_THE_DEADLINE: Final = 0.05
"""Seconds left under which an abandoned call is one whose time was up."""


class Line:
    """The line of one call; exactly one of its methods is called, when it ends.

    ``facts`` is all that it says, in this order: what was called, by whom, what
    the servicer put there, and how it ended. One dict, for this is on the path
    of every login.
    """

    __slots__ = ("_started", "facts", "method")

    def __init__(self, method: str) -> None:
        """Start the clock for ``method`` (its full name)."""
        self.method = method
        self.facts: dict[str, object] = {"method": method}
        self._started = time.perf_counter()

    def came_from(self, caller: Identity) -> None:
        """Say who called."""
        self.facts.update(caller.facts)

    def answered(self) -> None:
        """Say that the call was answered."""
        self.facts["status"] = "OK"
        self._write(_LOG.debug if self.method.startswith(_HEALTH) else _LOG.info)

    def abandoned(self, seconds_left: float | None) -> None:
        """Say that nobody waits for the answer any more."""
        late = seconds_left is not None and seconds_left < _AT_THE_DEADLINE
        self.facts["status"] = "DEADLINE_EXCEEDED" if late else "CANCELLED"
        self._write(_LOG.warning)

    def failed(self, error: Exception, code: grpc.StatusCode) -> None:
        """Say that the call ended with ``code`` because of ``error``."""
        self.facts.update(_ending_of(error, code))
        self._write(_writer_for(error))

    def _write(self, write: Callable[..., object]) -> None:
        self.facts["milliseconds"] = round((time.perf_counter() - self._started) * 1000, 2)
        write("rpc", **self.facts)


def item_failed(
    caller: Identity, facts: Mapping[str, object], error: Exception, code: grpc.StatusCode
) -> None:
    """Write a line about one item of a batch that goes on without it."""
    _writer_for(error)("item", **caller.facts, **facts, **_ending_of(error, code))


def _writer_for(error: Exception) -> Callable[..., object]:
    write: Callable[..., object] = _LOG.warning if isinstance(error, AuthorityError) else _LOG.error
    return write


def _ending_of(error: Exception, code: grpc.StatusCode) -> dict[str, object]:
    if not isinstance(error, AuthorityError):
        return {"status": code.name, "trace": list(_places(error))}
    ending: dict[str, object] = {"status": code.name, "reason": error.reason}
    if isinstance(error, InvalidField | EnvelopeRefused):
        ending["field"] = error.field
    # Our own words for the log: which token, which PKCS#11 call.
    if notes := getattr(error, "__notes__", None):
        ending["notes"] = notes
    return ending


def _places(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield type(error).__name__
        for frame in traceback.extract_tb(error.__traceback__):
            yield f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        error = error.__cause__ or error.__context__
