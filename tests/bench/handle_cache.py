# SPDX-License-Identifier: Apache-2.0
"""What it gains to keep seeds open: `BatchVerifyOtp` with the cache, beside none."""

from __future__ import annotations

from dataclasses import replace

from bench.figure import Figure, by_turns
from bench.ground import HOT_TOKENS, Ground
from bench.verify_batch64 import CODES, IN_FLIGHT
from development.certificates import AUTHORITY_TENANT
from development.environment import Environment
from development.server import channel
from support.processes import calls


def measure(ground: Ground) -> Figure:
    """Return codes verified per second with a cache of open seeds, and without."""
    seconds = ground.rounds.seconds
    kept = replace(ground.sqlite, batch=CODES)
    with ground.served("uncached", HOT_TOKENS, {"hsm.cache_entries": 0}) as uncached:
        opened_anew = replace(uncached, batch=CODES)
        figure = by_turns(
            ground.rounds,
            lambda: kept.closed_rate(IN_FLIGHT, seconds),
            lambda: opened_anew.closed_rate(IN_FLIGHT, seconds),
        )
    hits = _hit_rate(ground.sqlite_place)
    return replace(figure, note=f"{hits:.1%} of the seeds were found open")


def _hit_rate(place: Environment) -> float:
    with channel(place, AUTHORITY_TENANT, "hsm-admin") as link:
        cache = calls.hsm_status(link).cache
    return cache.hits / (cache.hits + cache.misses)
