# SPDX-License-Identifier: Apache-2.0
"""Where a customer is (登録状況), read from what is kept of him."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Final, TypeVar

from kagimori.application.enrollment.ports import Customer, Stale
from kagimori.domain.calendar import reissue_from
from kagimori.domain.enrollment import EnrollmentState, LetterState
from kagimori.domain.errors import TokenBusy
from kagimori.domain.lifecycle import STATUS_OF, Status
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import TenantPolicy, When
from kagimori.domain.value import value

T = TypeVar("T")

IN_USE: Final = frozenset({Status.ACTIVE, Status.LOCKED})
"""Where a customer is who has a token in use, locked or not."""

_TRIES: Final = 8
_RETRY_AFTER: Final = 0.25

_KEPT: Final = {
    EnrollmentState.ISSUED: Status.ISSUED,
    EnrollmentState.RELEASED: Status.RELEASED,
    EnrollmentState.VOID: Status.VOID,
    # Its token is gone, and nobody has ended the enrolment.
    EnrollmentState.PROVISIONED: Status.NOT_REGISTERED,
}


@value(frozen=True, slots=True)
class Standing:
    """A customer's enrolment as a bank sees it. Times are UTC, by the database's clock.

    ``deadline`` goes with ISSUED and VOID, ``reissue_from`` (the first day on which
    a new token may be issued, in the tenant's calendar) with RELEASED, ``letter``
    with ISSUED. ``user_id`` is empty where there is no enrolment, ``serial`` where
    there is no token. ``login_otp`` is the customer's choice, where the tenant leaves
    him one and he has a token in use.
    """

    status: Status
    user_id: str = ""
    serial: str = ""
    issued_at: datetime | None = None
    deadline: datetime | None = None
    reissue_from: date | None = None
    letter: LetterState | None = None
    login_otp: bool | None = None


def status_of(customer: Customer) -> Status:
    """Return where ``customer`` is: a live token's own state says it first."""
    enrolled, token = customer.enrolled, customer.token
    if token is not None:
        return STATUS_OF[token.state]
    if enrolled is None:
        return Status.NOT_REGISTERED
    if enrolled.state is EnrollmentState.ISSUED and customer.now > enrolled.deadline:
        return Status.VOID
    return _KEPT[enrolled.state]


def standing_of(customer: Customer, policy: TenantPolicy) -> Standing:
    """Return what a bank is told of ``customer``."""
    status, enrolled, token = status_of(customer), customer.enrolled, customer.token
    chosen = _chosen(customer, policy)
    if token is not None and not has_enrolled_token(customer):
        return Standing(status, serial=token.serial, login_otp=chosen)
    if enrolled is None or status is Status.NOT_REGISTERED:
        return Standing(status)
    until = enrolled.deadline if status in {Status.ISSUED, Status.VOID} else None
    return Standing(
        status,
        enrolled.user_id,
        "" if token is None else token.serial,
        enrolled.issued_at,
        until,
        first_day_of(customer, policy),
        customer.letter if status is Status.ISSUED else None,
        chosen,
    )


def first_day_of(customer: Customer, policy: TenantPolicy) -> date | None:
    """Return from when on a released customer may get a new token; None for others."""
    enrolled = customer.enrolled
    if enrolled is None or enrolled.released_on is None:
        return None
    return reissue_from(enrolled.released_on, policy.reissue)


def has_enrolled_token(customer: Customer) -> bool:
    """Return whether the live token came of the enrolment, and not of a vendor's file."""
    enrolled, token = customer.enrolled, customer.token
    return enrolled is not None and token is not None and enrolled.token_id == token.token_id


def _chosen(customer: Customer, policy: TenantPolicy) -> bool | None:
    """Return what the customer has chosen, if the choice is his."""
    is_his = policy.operations.get(Operation.LOGIN) is When.BY_CHOICE
    return customer.login_otp if is_his and status_of(customer) in IN_USE else None


async def while_stale(attempt: Callable[[], Awaitable[T | Stale]]) -> T:
    """Return what ``attempt`` comes to; have it read and try again while it is `Stale`."""
    for _ in range(_TRIES):
        answer = await attempt()
        if not isinstance(answer, Stale):
            return answer
    raise TokenBusy("others change this customer's enrolment again and again", _RETRY_AFTER)
