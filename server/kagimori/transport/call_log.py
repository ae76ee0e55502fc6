# SPDX-License-Identifier: Apache-2.0
"""One log line for each call: who, what, how it ended, how long it took.

Never a code and never a subscriber: only what a servicer noted. Of an error that
nobody foresaw, its types and places are logged but not its words or locals, for
the libraries beneath us quote values in their messages.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import grpc
import structlog

from kagimori.domain.errors import AuthorityError, InvalidField
from kagimori.transport.identity import Identity

_LOG: Final = structlog.get_logger("kagimori.rpc")
_HEALTH: Final = "/grpc.health.v1."


class Line:
    """The line of one call, written when the call ends."""

    def __init__(self, method: str) -> None:
        """Start the clock for ``method`` (its full name)."""
        self.method = method
        self.identity: Identity | None = None
        self.facts: dict[str, str] = {}
        self._started = time.perf_counter()
        self._ending: dict[str, Any] = {"status": "OK"}
        self._level = "debug" if method.startswith(_HEALTH) else "info"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        milliseconds = round((time.perf_counter() - self._started) * 1000, 2)
        getattr(_LOG, self._level)(
            "rpc", method=self.method, **self._who(), **self._ending, milliseconds=milliseconds
        )

    def failed(self, error: Exception, status: grpc.Status) -> None:
        """Let the line say that the call ended with ``status`` because of ``error``."""
        self._ending = {"status": status.code.name}
        if isinstance(error, AuthorityError):
            self._ending["reason"] = error.reason
            if isinstance(error, InvalidField):
                self._ending["field"] = error.field
            # Our own words for the log: which token, which PKCS#11 call.
            if notes := getattr(error, "__notes__", None):
                self._ending["notes"] = notes
            self._level = "warning"
        elif status.code is grpc.StatusCode.INTERNAL:
            self._ending["trace"] = list(_places(error))
            self._level = "error"

    def _who(self) -> dict[str, str]:
        caller = self.identity
        if caller is None:
            return self.facts
        who = {"tenant": caller.tenant, "role": str(caller.role), "caller": caller.name}
        return {**who, **self.facts}


def _places(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield type(error).__name__
        for frame in traceback.extract_tb(error.__traceback__):
            yield f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        error = error.__cause__ or error.__context__
