# SPDX-License-Identifier: Apache-2.0
"""Windows and drift, over all clocks."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kagimori.domain.policy import Windows
from kagimori.domain.token import Hash, MovingFactor, Profile, Token
from kagimori.domain.window import drift_after, step_at, window_of
from support.tokens import identity, token

windows = st.builds(
    Windows,
    time=st.integers(0, 10),
    look_ahead=st.integers(1, 100),
    max_drift=st.integers(0, 20),
)
profiles = st.builds(
    Profile,
    factor=st.just(MovingFactor.TIME),
    hash=st.sampled_from(Hash),
    digits=st.integers(6, 8),
    period=st.sampled_from([30, 60]),
    t0=st.integers(0, 10**9),
)
# Years 2001 to 2600: past the first steps of any token.
moments = st.floats(10**9 + 10**6, 2 * 10**10, allow_nan=False)


def time_token(profile: Profile, drift: int = 0) -> Token:
    return replace(token(identity(profile)), drift=drift)


@given(profiles, windows, moments, st.integers(-20, 20), st.integers(-40, 40))
def test_exactly_w_steps_on_either_side(
    profile: Profile, rules: Windows, now: float, drift: int, offset: int
) -> None:
    window = window_of(time_token(profile, drift), rules, now)
    offered = step_at(profile, now) + drift + offset
    assert (window.first <= offered <= window.last) == (abs(offset) <= rules.time)
    assert window.predicted == step_at(profile, now) + drift
    assert window.spent is None


@given(profiles, moments)
def test_a_step_lasts_its_period(profile: Profile, now: float) -> None:
    step = step_at(profile, now)
    assert profile.t0 + step * profile.period <= now < profile.t0 + (step + 1) * profile.period


@given(windows, st.integers(0, 2**40))
def test_an_event_window_begins_above_the_last(rules: Windows, last_step: int) -> None:
    window = window_of(token(last_step=last_step), rules, 0)
    assert window.first == window.predicted == last_step + 1
    assert window.last - window.first + 1 == rules.look_ahead
    assert window.spent == last_step


@given(profiles, windows, st.lists(st.tuples(moments, st.integers(-10, 10)), max_size=30))
def test_drift_is_whole_and_bounded_whatever_is_accepted(
    profile: Profile, rules: Windows, history: list[tuple[float, int]]
) -> None:
    used = time_token(profile)
    for now, offset in history:
        window = window_of(used, rules, now)
        matched = min(max(window.predicted + offset, window.first), window.last)
        drift = drift_after(used, matched, rules, now)
        assert isinstance(drift, int)
        assert abs(drift) <= rules.max_drift
        assert abs(drift - used.drift) <= 1
        used = replace(used, drift=drift)


@given(profiles, moments, st.integers(-5, 5), st.integers(1, 3))
def test_a_steady_clock_is_caught_up_with(
    profile: Profile, now: float, error: int, width: int
) -> None:
    rules = Windows(time=width, max_drift=5)
    used = time_token(profile)
    for press in range(12):
        # The customer's clock is off by one more step every month, until `error`.
        off = max(-press, min(press, error))
        moment = now + press * 2_592_000
        offered = step_at(profile, moment) + off
        window = window_of(used, rules, moment)
        assert window.first <= offered <= window.last
        used = replace(used, drift=drift_after(used, offered, rules, moment))
    assert used.drift == error
