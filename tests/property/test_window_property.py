# SPDX-License-Identifier: Apache-2.0
"""Windows and drift, over all clocks."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kagimori.domain.policy import Windows
from kagimori.domain.token import Hash, MovingFactor, Profile, Token
from kagimori.domain.window import (
    drift_after,
    resync_window_of,
    resynced_drift,
    step_at,
    window_of,
)
from support.tokens import identity, token

windows = st.builds(
    Windows,
    time=st.integers(0, 10),
    look_ahead=st.integers(1, 100),
    max_drift=st.integers(0, 20),
    resync_time=st.integers(1, 250),
    resync_look_ahead=st.integers(2, 1000),
)
profiles = st.builds(
    Profile,
    factor=st.just(MovingFactor.TIME),
    hash=st.sampled_from(Hash),
    digits=st.integers(6, 10),
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


uses = st.tuples(moments, st.booleans(), st.integers(-600, 600))
"""A time, whether it is a resynchronisation, and how far off the code is."""


@given(profiles, windows, st.lists(uses, max_size=30))
def test_a_clock_is_followed_beyond_its_bound_by_resynchronisations_alone(
    profile: Profile, rules: Windows, history: list[tuple[float, bool, int]]
) -> None:
    used = time_token(profile)
    furthest = rules.max_drift
    for now, resyncs, offset in history:
        window = (resync_window_of if resyncs else window_of)(used, rules, now)
        matched = min(max(window.predicted + offset, window.first), window.last)
        if not resyncs:
            drift = drift_after(used, matched, rules, now)
            assert abs(drift - used.drift) <= 1
        elif matched == window.first:
            continue  # It has none before it.
        else:
            drift = resynced_drift(used, matched, now)
            assert abs(drift) <= rules.resync_time
            furthest = max(furthest, abs(drift))
        assert isinstance(drift, int)
        assert abs(drift) <= max(abs(used.drift), rules.max_drift) or resyncs
        assert abs(drift) <= furthest
        used = replace(used, drift=drift)


@given(profiles, windows, moments, st.integers(-300, 300), st.integers(-300, 300))
def test_two_codes_lie_above_the_last_step_and_around_the_true_time(
    profile: Profile, rules: Windows, now: float, drift: int, spent: int
) -> None:
    true = step_at(profile, now)
    used = replace(time_token(profile, drift), last_step=true + spent)
    window = resync_window_of(used, rules, now)
    assert used.last_step < window.first <= window.predicted <= window.last
    seconds = set(range(window.first + 1, window.last + 1))
    wanted = range(true - rules.resync_time, true + rules.resync_time + 1)
    assert seconds == {second for second in wanted if second - 1 > used.last_step}


@given(windows, st.integers(-1, 2**40))
def test_two_codes_of_a_counter_lie_within_its_look_ahead(rules: Windows, last_step: int) -> None:
    window = resync_window_of(token(last_step=last_step), rules, 0)
    assert window.first == window.predicted == last_step + 1
    assert window.last == last_step + rules.resync_look_ahead
    assert window.spent is None
