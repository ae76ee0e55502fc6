# SPDX-License-Identifier: Apache-2.0
"""A token's life: the states it can be in and the only ways between them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a token is in its life."""

    IN_STOCK = "IN_STOCK"
    """Imported; bound to nobody. To a bank channel it does not exist."""
    ASSIGNED = "ASSIGNED"
    """Bound to a subscriber, not in use yet."""
    ACTIVE = "ACTIVE"
    LOCKED = "LOCKED"


class Event(StrEnum):
    """What can happen to a token."""

    ASSIGN = "ASSIGN"
    ACTIVATE = "ACTIVATE"
    LOCK = "LOCK"


TRANSITIONS: Final = {
    (State.IN_STOCK, Event.ASSIGN): State.ASSIGNED,
    (State.ASSIGNED, Event.ACTIVATE): State.ACTIVE,
    (State.ACTIVE, Event.LOCK): State.LOCKED,
}

BORN: Final = State.IN_STOCK
"""The state a vendor's file brings a token in."""


class IllegalTransition(Exception):
    """The event cannot happen to a token in this state."""


def after(state: State, event: Event) -> State:
    """Return the state that ``event`` leads to, or raise `IllegalTransition`."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        msg = f"{event} cannot happen to a token that is {state}"
        raise IllegalTransition(msg) from None
