# SPDX-License-Identifier: Apache-2.0
"""How a process that serves ends: its calls finished, or at once where the HSM hangs."""

from __future__ import annotations

import os
import threading
from typing import Final, NoReturn, Protocol

import structlog

from kagimori.processes import logs
from kagimori.processes.exits import Exit
from kagimori.processes.reasons import Reason

_LOG: Final = structlog.get_logger("kagimori.serve")

AFTER_DRAIN: Final = 5.0
"""Seconds that leaving the HSM and the database may take."""
_HUNG_GRACE: Final = 1.0
"""Seconds for the calls under way when one of them hangs: what can end, ends at once."""


class Stoppable(Protocol):
    """A server that can be asked to end."""

    async def stop(self, grace: float) -> None:
        """Take no new calls, give those under way ``grace`` seconds."""
        ...


async def end(server: Stoppable, drain_seconds: float, reason: Reason) -> None:
    """Stop; where a PKCS#11 call hangs, leave without waiting for it."""
    grace = _HUNG_GRACE if reason is Reason.HUNG else drain_seconds
    if reason is Reason.HUNG:
        _LOG.error("a PKCS#11 call hangs: this process ends", grace=grace)
    _LOG.info("stopping", drain_seconds=grace)
    _end_at_the_latest(grace + AFTER_DRAIN)
    await server.stop(grace)
    if reason is Reason.HUNG:
        _leave()


def _end_at_the_latest(seconds: float) -> None:
    """End the process after ``seconds`` even if a PKCS#11 call hangs.

    Such a call cannot be cancelled, and leaving the HSM in order would wait for
    it. What was accepted is durable already.
    """

    def give_up() -> None:
        _LOG.error("not ended in time: a call hangs", seconds=seconds)
        _leave()

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()


def _leave() -> NoReturn:
    logs.write_out()
    os._exit(Exit.HUNG)
