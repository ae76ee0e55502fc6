# SPDX-License-Identifier: Apache-2.0
"""The tables of a token's life and of an enrolment's are whole, and a day is the bank's."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kagimori.domain.calendar import day_of, reissue_from
from kagimori.domain.lifecycle import (
    BORN,
    ENROLMENT,
    NOBODYS,
    STATUS_OF,
    TRANSITIONS,
    Event,
    IllegalTransition,
    State,
    Status,
    Step,
    after,
    status_after,
)
from kagimori.domain.tenant import Reissue


def test_every_state_is_reached_from_the_first() -> None:
    reached = {BORN}
    for _ in State:
        reached |= {to for (origin, _event), to in TRANSITIONS.items() if origin in reached}
    assert reached == set(State)


def test_every_event_can_happen() -> None:
    assert {event for _, event in TRANSITIONS} == set(Event)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_only_the_table_moves_a_token(state: State, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert after(state, event) is TRANSITIONS[state, event]
        return
    with pytest.raises(IllegalTransition, match=f"{event} cannot happen .* {state}"):
        after(state, event)


def test_a_locked_token_was_active() -> None:
    assert [origin for (origin, _), to in TRANSITIONS.items() if to is State.LOCKED] == [
        State.ACTIVE
    ]


def test_a_barred_token_was_never_active() -> None:
    assert [origin for (origin, _), to in TRANSITIONS.items() if to is State.BARRED] == [
        State.ASSIGNED
    ]


def test_nothing_happens_to_a_retired_token() -> None:
    assert State.RETIRED not in {origin for origin, _ in TRANSITIONS}


def test_every_status_is_reached_from_the_first() -> None:
    reached = {Status.NOT_REGISTERED}
    for _ in Status:
        reached |= {to for (origin, _step), to in ENROLMENT.items() if origin in reached}
    assert reached == set(Status)


def test_every_step_can_be_taken() -> None:
    assert {step for _, step in ENROLMENT} == set(Step)


@pytest.mark.parametrize(("status", "step"), list(itertools.product(Status, Step)))
def test_only_the_table_moves_an_enrolment(status: Status, step: Step) -> None:
    if (status, step) in ENROLMENT:
        assert status_after(status, step) is ENROLMENT[status, step]
        return
    with pytest.raises(IllegalTransition, match=f"{step} cannot happen .* {status}"):
        status_after(status, step)


def test_each_state_of_a_live_token_is_a_status() -> None:
    assert set(STATUS_OF) == set(State) - NOBODYS


@pytest.mark.parametrize(
    ("event", "step"),
    [(Event.ACTIVATE, Step.ACTIVATE), (Event.LOCK, Step.LOCK), (Event.UNLOCK, Step.UNLOCK)],
)
@pytest.mark.parametrize("state", STATUS_OF)
def test_a_token_and_its_enrolment_move_together(state: State, event: Event, step: Step) -> None:
    moved = TRANSITIONS.get((state, event))
    expected = None if moved is None else STATUS_OF[moved]
    assert ENROLMENT.get((STATUS_OF[state], step)) == expected


def test_whatever_has_a_token_can_be_deregistered() -> None:
    for state, status in STATUS_OF.items():
        assert after(state, Event.RETIRE) is State.RETIRED
        assert status_after(status, Step.DEREGISTER) is Status.RELEASED


TOKYO, BERLIN = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Berlin")
SWITCHES = [
    # A day of 23 hours and one of 25 (tz database, rule EU).
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
]
MOMENTS = st.one_of(
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - a strategy's bounds
    st.builds(
        lambda switch, seconds: switch + timedelta(seconds=seconds),
        st.sampled_from(SWITCHES),
        st.integers(-100_000, 100_000),
    ),
)


def next_midnight(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return when the local day after that of ``moment`` begins (no zone here skips midnight)."""
    local = moment.astimezone(zone)
    tomorrow = local.date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(0), zone).astimezone(UTC)


@pytest.mark.parametrize("zone", [TOKYO, BERLIN], ids=str)
@given(released=MOMENTS, later=st.timedeltas(timedelta(0), timedelta(days=3)))
@example(released=datetime(2026, 3, 28, 22, 59, 59, tzinfo=UTC), later=timedelta(seconds=1))
@example(released=datetime(2026, 3, 28, 23, tzinfo=UTC), later=timedelta(hours=22, minutes=59))
@example(released=datetime(2026, 3, 28, 23, tzinfo=UTC), later=timedelta(hours=23))
@example(released=datetime(2026, 10, 24, 22, tzinfo=UTC), later=timedelta(hours=24, minutes=59))
@example(released=datetime(2026, 10, 24, 22, tzinfo=UTC), later=timedelta(hours=25))
@example(released=datetime(2026, 3, 31, 14, 59, 59, tzinfo=UTC), later=timedelta(seconds=1))
def test_a_new_token_waits_for_midnight_of_the_bank_and_no_longer(
    zone: ZoneInfo, released: datetime, later: timedelta
) -> None:
    asked = released + later
    first_day = reissue_from(day_of(released, zone), Reissue.NEXT_DAY)
    allowed = day_of(asked, zone) >= first_day
    assert allowed == (asked >= next_midnight(released, zone))


@given(released=MOMENTS)
def test_where_the_bank_says_so_nobody_waits(released: datetime) -> None:
    assert reissue_from(day_of(released, TOKYO), Reissue.AT_ONCE) == day_of(released, TOKYO)
