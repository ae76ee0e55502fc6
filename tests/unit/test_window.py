# SPDX-License-Identifier: Apache-2.0
"""Windows and drift at their edges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kagimori.domain.policy import AttemptLimits, Windows
from kagimori.domain.token import Hash, MovingFactor, Profile, Token
from kagimori.domain.window import (
    Window,
    drift_after,
    resync_window_of,
    resynced_drift,
    step_at,
    window_of,
)
from support.tokens import EVENT, identity, token

WINDOWS = Windows(time=1, look_ahead=10, max_drift=2, resync_time=5, resync_look_ahead=100)
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


def test_a_clock_found_far_out_is_followed_back_and_not_further_out() -> None:
    assert drift_after(time_token(5), 10 + 6, WINDOWS, 300) == 5
    assert drift_after(time_token(5), 10 + 4, WINDOWS, 300) == 4
    assert drift_after(time_token(-5), 10 - 6, WINDOWS, 300) == -5


def test_two_codes_of_a_counter_lie_above_the_last_one() -> None:
    assert resync_window_of(token(last_step=41), WINDOWS, 0) == Window(42, 42, 141)
    assert resync_window_of(token(), WINDOWS, 0) == Window(0, 0, 99)


def test_the_second_of_two_codes_tells_the_clock_within_the_window() -> None:
    # The present step is 100: the second code may be of 95 to 105.
    assert resync_window_of(time_token(), WINDOWS, 3000) == Window(94, 100, 105)
    assert resync_window_of(time_token(-3), WINDOWS, 3000) == Window(94, 97, 105)
    assert resync_window_of(time_token(-9), WINDOWS, 3000) == Window(94, 94, 105)
    assert resync_window_of(time_token(9), WINDOWS, 3000) == Window(94, 105, 105)


def test_two_codes_of_a_clock_lie_above_the_last_one_too() -> None:
    used = replace(time_token(), last_step=100)
    assert resync_window_of(used, WINDOWS, 3000) == Window(101, 101, 105)


@pytest.mark.parametrize("last_step", [104, 105, 200])
def test_where_two_codes_have_no_room_there_is_one_step(last_step: int) -> None:
    used = replace(time_token(), last_step=last_step)
    only = last_step + 1
    assert resync_window_of(used, WINDOWS, 3000) == Window(only, only, only)
    assert resync_window_of(time_token(), WINDOWS, -3000) == Window(0, 0, 0)
    narrow = replace(WINDOWS, resync_look_ahead=1)
    assert resync_window_of(token(last_step=41), narrow, 0) == Window(42, 42, 42)


def test_the_second_code_is_the_present_one() -> None:
    assert resynced_drift(time_token(), 105, 3000) == 5
    assert resynced_drift(time_token(2), 95, 3029.9) == -5
    assert resynced_drift(token(), 141, 3000) == 0


def test_an_event_token_does_not_drift() -> None:
    assert identity().profile == EVENT
    assert drift_after(token(), 5, WINDOWS, 300) == 0


@pytest.mark.parametrize(
    ("spent", "left"),
    [((0, 0, 0), 5), ((4, 4, 4), 1), ((0, 19, 40), 1), ((0, 0, 98), 2), ((6, 0, 0), 0)],
)
def test_attempts_left_are_the_fewest_of_three(spent: tuple[int, int, int], left: int) -> None:
    assert AttemptLimits(consecutive=5, daily=20, since_unlock=100).left(*spent) == left
