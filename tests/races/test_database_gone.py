# SPDX-License-Identifier: Apache-2.0
"""The database goes away under load and comes back: no false word, and soon at work again.

PostgreSQL is stopped as a crash would stop it and started; an SQLite file is
kept locked by another process for longer than anyone waits for it.
"""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from races.arena import LIMIT, Arena, insist
from races.asking import outcome_of, question
from races.codes import wrong_codes
from races.load import load_on, settle_down
from races.numbers import NUMBERS

pytestmark = pytest.mark.timeout(NUMBERS.longest_test)

RECOVERY = 2.0
"""Seconds in which every server process must answer, from when the database is back."""
ROUNDS = 5
"""Rounds of asking them all, at the speed of this machine at this hour, that come on top."""


def test_nothing_false_is_said_while_the_database_comes_and_goes(arena: Arena) -> None:
    with load_on(arena) as load:
        for _ in range(NUMBERS.outages):
            time.sleep(0.5)
            at_best = _seconds_until_all_serve(arena)
            with arena.site.gone():
                time.sleep(3.0)
            assert _seconds_until_all_serve(arena) < RECOVERY + ROUNDS * at_best
            load.flows_again(100)
    settle_down(arena, load)


def test_a_guess_that_was_looked_at_stays_spent_though_nobody_could_say_so(arena: Arena) -> None:
    (device,) = arena.enrol()
    request = question(wrong_codes(device, 1)[0], serial=device.serial)
    with arena.client() as client:
        with ExitStack() as search, ExitStack() as outage:
            search.enter_context(arena.searching_slowly())
            call = client.begin(request)
            arena.until_claimed(device.serial)
            outage.enter_context(arena.site.gone())
            search.close()
            assert outcome_of(call).kind == "UNAVAILABLE"
        arena.until_all_serve()
        assert arena.witness.token(device.serial).failures == 1
        answer = insist(client, request)
        assert (answer.outcome, answer.attempts_left) == ("REJECTED", LIMIT - 1)
    assert arena.witness.token(device.serial).unlock_failures == 1


def _seconds_until_all_serve(arena: Arena) -> float:
    begin = time.monotonic()
    arena.until_all_serve()
    return time.monotonic() - begin
