# SPDX-License-Identifier: Apache-2.0
"""Two lives, each as one table: a token's, and a customer's enrolment's."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a token is in its life."""

    IN_STOCK = "IN_STOCK"
    """Imported; bound to nobody. To a bank channel it does not exist."""
    ASSIGNED = "ASSIGNED"
    """Bound to a subscriber, not in use yet."""
    BARRED = "BARRED"
    """As ASSIGNED, after too many wrong codes."""
    ACTIVE = "ACTIVE"
    LOCKED = "LOCKED"
    """In use, after too many wrong codes."""
    RETURNED = "RETURNED"
    """As IN_STOCK, after a customer has had it; what he spent stays spent."""
    DEFECTIVE = "DEFECTIVE"
    """As RETIRED, because it is broken, or nobody knows whose seed it holds."""
    RETIRED = "RETIRED"
    """Deregistered for good: its seed is destroyed and it is bound to nobody."""


class Event(StrEnum):
    """What can happen to a token."""

    ASSIGN = "ASSIGN"
    REGISTER = "REGISTER"
    """A customer takes it into use who has it in his hands (利用開始)."""
    ACTIVATE = "ACTIVATE"
    LOCK = "LOCK"
    UNLOCK = "UNLOCK"
    RETURN = "RETURN"
    """A customer gives a hardware token back, in working order."""
    CONDEMN = "CONDEMN"
    """It is found to be defective."""
    RETIRE = "RETIRE"


NOBODYS: Final = frozenset({State.IN_STOCK, State.RETURNED, State.DEFECTIVE, State.RETIRED})
"""States of a token that is bound to nobody. To a bank channel it does not exist."""

DESTROYED: Final = frozenset({State.DEFECTIVE, State.RETIRED})
"""States of a token whose seed is no more. Nothing happens to it any longer."""

IN_STOCK: Final = NOBODYS - DESTROYED
"""States of a token that can be given to a customer."""

_BOUND: Final = frozenset(State) - NOBODYS

TRANSITIONS: Final = {
    (State.IN_STOCK, Event.ASSIGN): State.ASSIGNED,
    (State.RETURNED, Event.ASSIGN): State.ASSIGNED,
    (State.IN_STOCK, Event.REGISTER): State.ACTIVE,
    (State.RETURNED, Event.REGISTER): State.ACTIVE,
    (State.ASSIGNED, Event.ACTIVATE): State.ACTIVE,
    (State.ASSIGNED, Event.LOCK): State.BARRED,
    (State.BARRED, Event.UNLOCK): State.ASSIGNED,
    # Its attempts are spent by codes that were wrong when it was to be registered.
    (State.IN_STOCK, Event.UNLOCK): State.IN_STOCK,
    (State.RETURNED, Event.UNLOCK): State.RETURNED,
    (State.ACTIVE, Event.LOCK): State.LOCKED,
    (State.LOCKED, Event.UNLOCK): State.ACTIVE,
    **{(state, Event.RETURN): State.RETURNED for state in _BOUND},
    **{(state, Event.CONDEMN): State.DEFECTIVE for state in _BOUND | IN_STOCK},
    **{(state, Event.RETIRE): State.RETIRED for state in _BOUND | IN_STOCK},
}

BORN: Final = State.IN_STOCK
"""The state a vendor's file brings a token in."""


class Status(StrEnum):
    """Where a customer's enrolment is (登録状況)."""

    NOT_REGISTERED = "NOT_REGISTERED"
    """未登録."""
    ISSUED = "ISSUED"
    """申請済: the app is not set up yet."""
    PROVISIONED = "PROVISIONED"
    """トークン発行済: the app shows codes."""
    BARRED = "BARRED"
    """As PROVISIONED, after too many wrong codes at 利用開始."""
    ACTIVE = "ACTIVE"
    """利用中."""
    LOCKED = "LOCKED"
    """利用中, after too many wrong codes."""
    RELEASED = "RELEASED"
    """利用解除."""
    VOID = "VOID"
    """The activation password was wrong too often, or its time is over."""


class Step(StrEnum):
    """What can happen to an enrolment."""

    ISSUE = "ISSUE"
    PROVISION = "PROVISION"
    VOID = "VOID"
    ACTIVATE = "ACTIVATE"
    LOCK = "LOCK"
    UNLOCK = "UNLOCK"
    DEREGISTER = "DEREGISTER"
    REGISTER = "REGISTER"
    """利用開始 by a serial number."""
    REPLACE = "REPLACE"
    """交換."""
    TERMINATE = "TERMINATE"
    """利用中止."""


ENROLMENT: Final = {
    (Status.NOT_REGISTERED, Step.ISSUE): Status.ISSUED,
    # Not before the day that the tenant's rule says: see `kagimori.domain.calendar`.
    (Status.RELEASED, Step.ISSUE): Status.ISSUED,
    (Status.VOID, Step.ISSUE): Status.ISSUED,
    (Status.ISSUED, Step.PROVISION): Status.PROVISIONED,
    (Status.ISSUED, Step.VOID): Status.VOID,
    (Status.PROVISIONED, Step.ACTIVATE): Status.ACTIVE,
    (Status.PROVISIONED, Step.LOCK): Status.BARRED,
    (Status.BARRED, Step.UNLOCK): Status.PROVISIONED,
    (Status.ACTIVE, Step.LOCK): Status.LOCKED,
    (Status.LOCKED, Step.UNLOCK): Status.ACTIVE,
    (Status.ISSUED, Step.DEREGISTER): Status.RELEASED,
    (Status.PROVISIONED, Step.DEREGISTER): Status.RELEASED,
    (Status.BARRED, Step.DEREGISTER): Status.RELEASED,
    (Status.ACTIVE, Step.DEREGISTER): Status.RELEASED,
    (Status.LOCKED, Step.DEREGISTER): Status.RELEASED,
    (Status.NOT_REGISTERED, Step.REGISTER): Status.ACTIVE,
    (Status.RELEASED, Step.REGISTER): Status.ACTIVE,
    (Status.VOID, Step.REGISTER): Status.ACTIVE,
    (Status.ACTIVE, Step.REPLACE): Status.ACTIVE,
    # Two of the bank's staff have said so: the old token's attempts do not matter.
    (Status.LOCKED, Step.REPLACE): Status.ACTIVE,
    (Status.ACTIVE, Step.TERMINATE): Status.NOT_REGISTERED,
}

STATUS_OF: Final = {
    State.ASSIGNED: Status.PROVISIONED,
    State.BARRED: Status.BARRED,
    State.ACTIVE: Status.ACTIVE,
    State.LOCKED: Status.LOCKED,
}
"""The status of a customer who has a token, by its state."""


class IllegalTransition(Exception):
    """The event cannot happen in this state."""


def after(state: State, event: Event) -> State:
    """Return the state that ``event`` leads a token to, or raise `IllegalTransition`."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"{event} cannot happen to a token that is {state}") from None


def status_after(status: Status, step: Step) -> Status:
    """Return the status that ``step`` leads to, or raise `IllegalTransition`."""
    try:
        return ENROLMENT[status, step]
    except KeyError:
        raise IllegalTransition(f"{step} cannot happen to an enrolment that is {status}") from None
