# SPDX-License-Identifier: Apache-2.0
"""Nobody waits on a calm server; on a busy one the wait grows up to its bound."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kagimori.application.verification import pace as module
from kagimori.application.verification.pace import EVERY, Pace

LONGEST = module._LONGEST
HALFWAY = (module._CALM + module._BUSY) / 2


def looked(pace: Pace, times: int) -> list[float]:
    """Let it look so many times; return its patience after each."""
    seen = []
    for _ in range(times):
        for _ in range(EVERY):
            pace.tick()
        seen.append(pace.patience)
    return seen


def settled(busy: Callable[[], float]) -> float:
    """Return the patience that a share which stays the same comes to."""
    return looked(Pace(busy), 200)[-1]


@pytest.mark.parametrize("share", [0.0, 0.5, module._CALM])
def test_where_there_is_time_to_spare_nobody_waits(share: float) -> None:
    assert set(looked(Pace(lambda: share), 200)) == {0.0}


@pytest.mark.parametrize("share", [module._BUSY + 0.01, 1.0])
def test_where_there_is_none_the_wait_grows_up_to_the_longest(share: float) -> None:
    seen = looked(Pace(lambda: share), 200)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, LONGEST)


def test_between_the_two_the_wait_is_in_proportion() -> None:
    assert settled(lambda: HALFWAY) == pytest.approx(LONGEST / 2)
    quarter = module._CALM + (HALFWAY - module._CALM) / 2
    assert settled(lambda: quarter) == pytest.approx(LONGEST / 4)


def test_one_busy_look_on_a_calm_server_makes_nobody_wait() -> None:
    shares = iter([0.5] * 20 + [1.0] + [0.5] * 20)
    assert set(looked(Pace(lambda: next(shares)), 41)) == {0.0}


def test_one_calm_look_on_a_busy_server_lets_the_others_wait_less() -> None:
    calm = 1.0 - (1.0 - HALFWAY) / module._SMOOTH
    shares = iter([1.0] * 100 + [calm] + [1.0] * 100)
    seen = looked(Pace(lambda: next(shares)), 201)
    assert (seen[99], seen[-1]) == (LONGEST, LONGEST)
    assert seen[100] == pytest.approx(LONGEST / 2)


def test_it_becomes_calm_again() -> None:
    shares = iter([1.0] * 50 + [0.0] * 50)
    assert looked(Pace(lambda: next(shares)), 100)[-1] == 0.0


def test_it_looks_every_so_often_and_not_at_each_tick() -> None:
    looks: list[None] = []

    def busy() -> float:
        looks.append(None)
        return 1.0

    pace = Pace(busy)
    for _ in range(EVERY - 1):
        pace.tick()
    assert not looks
    for _ in range(3 * EVERY):
        pace.tick()
    assert len(looks) == 3
