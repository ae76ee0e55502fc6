# SPDX-License-Identifier: Apache-2.0
"""An HSM in the network, whose every call takes a millisecond: 32 sessions beside one.

The shim adds the millisecond, and codes come in batches, so that neither the
RPC nor SoftHSM is what is measured.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.figure import Figure, by_turns
from bench.ground import HOT, HOT_TOKENS, Ground
from bench.loadgen import Loadgen
from support.custody import shim
from support.custody.shim import Shim

_SESSIONS: Final = 32
_MICROSECONDS: Final = 1000
_CODES: Final = 16
_IN_FLIGHT: Final = {_SESSIONS: 32, 1: 2}
"""Calls, by sessions: enough to keep them all busy."""


def measure(ground: Ground) -> Figure:
    """Return codes verified per second with 32 sessions, and with one."""
    seconds = ground.rounds.seconds
    shim.ensure_built()
    with (
        tempfile.TemporaryDirectory() as directory,
        _served(ground, Shim(Path(directory)), _SESSIONS) as many,
        _served(ground, Shim(Path(directory)), 1) as one,
    ):
        Shim(Path(directory)).latency(_MICROSECONDS)
        return by_turns(
            ground.rounds,
            lambda: many.closed_rate(_IN_FLIGHT[_SESSIONS], seconds),
            lambda: one.closed_rate(_IN_FLIGHT[1], seconds),
        )


@contextmanager
def _served(ground: Ground, hsm: Shim, sessions: int) -> Iterator[Loadgen]:
    settings = {**HOT, "hsm.module": str(hsm.path), "hsm.sessions": sessions}
    name = f"network-{sessions}"
    with ground.served(name, HOT_TOKENS, settings, hsm.environment) as asked:
        yield replace(asked, batch=_CODES)
