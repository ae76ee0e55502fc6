# SPDX-License-Identifier: Apache-2.0
"""利用開始: serial number and code take a token into use that the customer has in his hands."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from kagimori.application.consequences import Registered
from kagimori.application.enrollment.standing import status_of
from kagimori.application.grid_cards.ports import GridAnswer, GridVerdict
from kagimori.application.policies import policy_of, registration_of
from kagimori.application.ports import BySerial, BySubscriber
from kagimori.application.registration.means import Means
from kagimori.application.registration.ports import (
    JudgeGrid,
    Part,
    Tried,
    Try,
)
from kagimori.application.registration.rules import leaves_logins_to_customers
from kagimori.application.registration.tries import NONE_LEFT, counted
from kagimori.application.subscribers import kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.code import Otp
from kagimori.domain.errors import InvalidField, LiveToken
from kagimori.domain.grid_card import GridOutcome
from kagimori.domain.lifecycle import IllegalTransition, Step, status_after
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import Registration, TenantPolicy
from kagimori.domain.token import printed_serial

_CHOICE: Final = {True: "REQUIRED", False: "NOT_REQUIRED", None: "NOT_ASKED"}
"""What makes two requests the same, of a customer's choice."""


@dataclass(frozen=True, slots=True)
class RegistrationOrder:
    """What a customer typed. ``request_id`` is a UUID.

    ``login_otp`` is his choice where the tenant leaves it to him, ``grid_answer`` what
    he read on his card where the tenant asks for that; else they are None.
    """

    request_id: str
    subscriber_ref: str = field(repr=False)
    serial: str
    code: Otp
    login_otp: bool | None = None
    grid_answer: GridAnswer | None = None


@dataclass(frozen=True, slots=True)
class RegistrationAnswer:
    """What became of it. ``part`` is what the verdict is about; None with ACCEPTED."""

    verdict: Verdict
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    caller: Caller
    policy: TenantPolicy
    subscriber: str = field(repr=False)
    order: RegistrationOrder
    until: float


class RegisterToken:
    """The use case behind ``RegisterToken``."""

    def __init__(self, means: Means, grid: JudgeGrid) -> None:
        """Work with ``means``; ``grid`` judges the customer's card."""
        self._means = means
        self._grid = grid

    async def __call__(
        self, caller: Caller, order: RegistrationOrder, seconds_left: float
    ) -> RegistrationAnswer:
        """Judge card and code within ``seconds_left`` seconds; the verdict is durable.

        ACCEPTED: the token is the customer's, and ACTIVE. A serial number that is
        unknown, another tenant's or somebody's already is UNKNOWN_TOKEN, after the same
        work. The same request_id has the same answer for ten minutes. Raises
        `InvalidField`, `NotOffered`, `LiveToken`, whatever the card's judge raises, and
        whatever `VerifyOtp` raises.
        """
        until = time.monotonic() + seconds_left
        policy = policy_of(self._means.policies, caller.tenant)
        rules = registration_of(policy)
        _insist_on_fields(order, policy, rules)
        subscriber = kept_name(self._means.digests, policy, order.subscriber_ref)
        case = _Case(caller, policy, subscriber, order, until)
        wish = Try(caller.tenant, subscriber, order.request_id, rules.daily_tries, policy.zone)
        async with counted(self._means.store, wish) as tried:
            if tried is Tried.SPENT:
                return RegistrationAnswer(NONE_LEFT, Part.CUSTOMER)
            if tried is Tried.ANSWERED:
                return await self._concluded(case, None)
            return await self._judged(case)

    async def _judged(self, case: _Case) -> RegistrationAnswer:
        wrong = await self._wrong_card(case)
        if wrong is not None:
            verdict = Verdict(Outcome(wrong.outcome), attempts_left=wrong.attempts_left)
            return RegistrationAnswer(verdict, Part.GRID_CARD)
        return await self._concluded(case, await self._consequence(case))

    async def _wrong_card(self, case: _Case) -> GridVerdict | None:
        order = case.order
        if order.grid_answer is None:
            return None
        judged = await self._grid(
            case.caller, case.policy, case.subscriber, order.request_id, order.grid_answer
        )
        return None if judged.outcome is GridOutcome.ACCEPTED else judged

    async def _consequence(self, case: _Case) -> Registered | None:
        """Return what an acceptance brings about; None where there can be none."""
        tenant, order = case.caller.tenant, case.order
        customer = await self._means.store.customer(tenant, BySubscriber(case.subscriber))
        # His own serial number may be what this very request has brought about.
        if customer.token is None or customer.token.serial != order.serial:
            try:
                status_after(status_of(customer), Step.REGISTER)
            except IllegalTransition:
                raise LiveToken from None
        token = await self._means.rows.in_stock(tenant, order.serial)
        taken = await self._means.rows.taken(tenant, token, case.subscriber)
        return None if taken is None else Registered(taken, order.login_otp is True)

    async def _concluded(self, case: _Case, consequence: Registered | None) -> RegistrationAnswer:
        order = case.order
        verdict = await self._means.verify(
            caller=case.caller,
            request_id=order.request_id,
            subject=BySerial(order.serial),
            operation=Operation.REGISTRATION,
            code=order.code,
            consequence=consequence,
            words=f"{_CHOICE[order.login_otp]} {case.subscriber}",
            seconds_left=case.until - time.monotonic(),
        )
        accepted = verdict.outcome is Outcome.ACCEPTED
        return RegistrationAnswer(verdict, None if accepted else Part.TOKEN)


def _insist_on_fields(order: RegistrationOrder, policy: TenantPolicy, rules: Registration) -> None:
    """Raise `InvalidField` for what the tenant's tokens cannot have, or does not ask for."""
    printed_serial(order.serial, rules.serial_length)
    if leaves_logins_to_customers(policy) is not (order.login_otp is not None):
        raise InvalidField(
            "login_otp", "must be said where the tenant leaves it to the customer, and only there"
        )
    if rules.grid_card is not (order.grid_answer is not None):
        raise InvalidField(
            "grid_answer", "must be given where the tenant asks for it, and only there"
        )
