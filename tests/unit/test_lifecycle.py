# SPDX-License-Identifier: Apache-2.0
"""The table of a token's life is whole."""

from __future__ import annotations

import itertools

import pytest

from kagimori.domain.lifecycle import BORN, TRANSITIONS, Event, IllegalTransition, State, after


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
