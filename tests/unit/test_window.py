# SPDX-License-Identifier: Apache-2.0
"""Windows and drift at their edges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kagimori.domain.policy import AttemptLimits, Windows
from kagimori.domain.token import Hash, MovingFactor, Profile, Token
from kagimori.domain.window import Window, drift_after, step_at, window_of
from support.tokens import EVENT, identity, token

WINDOWS = Windows(time=1, look_ahead=10, max_drift=2)
TIME = Profile(MovingFactor.TIME, Hash.SHA1, digits=8, period=30)


def time_token(drift: int = 0) -> Token:
    return replace(token(identity(TIME)), drift=drift)


# RFC 6238, Appendix B: time and its step T.
@pytest.mark.parametrize(
    ("seconds", "step"),
    [
        (59, 0x1),
        (1111111109, 0x23523EC),
        (1111111111, 0x23523ED),
        (1234567890, 0x273EF07),
        (2000000000, 0x3F940AA),
        (20000000000, 0x27BC86AA),
    ],
)
def test_steps_are_those_of_the_rfc(seconds: int, step: int) -> None:
    assert step_at(TIME, seconds) == step


@pytest.mark.parametrize(("now", "step"), [(0, 0), (29.999, 0), (30, 1), (59.999, 1), (60, 2)])
def test_a_step_begins_on_its_second(now: float, step: int) -> None:
    assert step_at(TIME, now) == step


def test_t0_moves_the_first_step() -> None:
    assert step_at(replace(TIME, t0=1_000), 1_030) == 1


def test_a_time_window_is_centred_on_the_prediction() -> None:
    assert window_of(time_token(), WINDOWS, 300) == Window(9, 10, 11)
    assert window_of(time_token(drift=2), WINDOWS, 300) == Window(11, 12, 13)
    assert window_of(time_token(drift=-2), replace(WINDOWS, time=3), 300) == Window(5, 8, 11)


def test_there_is_no_step_before_the_first() -> None:
    assert window_of(time_token(), WINDOWS, 0) == Window(0, 0, 1)
    assert window_of(time_token(drift=-2), WINDOWS, 0) == Window(0, 0, 0)


def test_an_event_window_looks_ahead_and_knows_the_last() -> None:
    assert window_of(token(last_step=41), WINDOWS, 0) == Window(42, 42, 51, spent=41)


def test_an_event_token_never_used_has_no_spent_step() -> None:
    assert window_of(token(), WINDOWS, 0) == Window(0, 0, 9)


@pytest.mark.parametrize(
    ("drift", "seen", "wanted"),
    [(0, 0, 0), (0, 1, 1), (0, -1, -1), (0, 3, 1), (1, 2, 2), (2, 3, 2), (-2, -3, -2), (2, -1, 1)],
)
def test_drift_follows_by_one_step_within_its_bound(drift: int, seen: int, wanted: int) -> None:
    assert drift_after(time_token(drift), 10 + seen, WINDOWS, 300) == wanted


def test_an_event_token_does_not_drift() -> None:
    assert identity().profile == EVENT
    assert drift_after(token(), 5, WINDOWS, 300) == 0


@pytest.mark.parametrize(
    ("spent", "left"),
    [((0, 0, 0), 5), ((4, 4, 4), 1), ((0, 19, 40), 1), ((0, 0, 98), 2), ((6, 0, 0), 0)],
)
def test_attempts_left_are_the_fewest_of_three(spent: tuple[int, int, int], left: int) -> None:
    assert AttemptLimits(consecutive=5, daily=20, since_unlock=100).left(*spent) == left
