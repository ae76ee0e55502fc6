# SPDX-License-Identifier: Apache-2.0
"""kill -9 under load, again and again: nothing twice, nothing acknowledged lost."""

from __future__ import annotations

import random
import time

import pytest

from races.arena import Arena
from races.load import load_on, settle_down
from races.numbers import NUMBERS

pytestmark = pytest.mark.timeout(NUMBERS.longest_test)

LONGEST_LIFE = 0.4
"""Seconds that a process lives at most, once it serves."""


def test_killed_at_random_nothing_is_accepted_twice_or_lost(arena: Arena) -> None:
    chance = random.Random()
    # A worker is replaced beside others that serve; a lone server takes its time.
    kills = NUMBERS.restarts if arena.site.workers is None else NUMBERS.kills
    with load_on(arena) as load:
        for _ in range(kills):
            load.flows_again(10)
            time.sleep(chance.uniform(0.02, LONGEST_LIFE))
            arena.kill_one(chance)
    settle_down(arena, load)
