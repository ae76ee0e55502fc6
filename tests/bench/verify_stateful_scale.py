# SPDX-License-Identifier: Apache-2.0
"""`VerifyOtp` with many tokens in the store, beside the same with few.

Tokens come in random order, each once before any comes again, and fewer seeds
stay open than either store has tokens: no handle is ever found open.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from bench.figure import Figure, by_turns
from bench.ground import Ground
from bench.loadgen import Loadgen
from bench.places import Settings
from bench.verify_unary import IN_FLIGHT

COLD: Final[Settings] = {"hsm.cache_entries": 100}


def measure(ground: Ground) -> Figure:
    """Return verifications per second with many tokens, and with few."""
    seconds = ground.rounds.seconds
    with cold(ground, ground.many) as many, cold(ground, ground.few) as few:
        return by_turns(
            ground.rounds,
            lambda: many.closed_rate(IN_FLIGHT, seconds),
            lambda: few.closed_rate(IN_FLIGHT, seconds),
        )


@contextmanager
def cold(ground: Ground, tokens: int) -> Iterator[Loadgen]:
    """Serve so many ``tokens``, none of them open when it is asked about."""
    with ground.served(f"cold-{tokens}", tokens, COLD) as asked:
        yield replace(asked, order="random")
