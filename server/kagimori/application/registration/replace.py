# SPDX-License-Identifier: Apache-2.0
"""交換: a code of the old token, then serial number and code of the new one."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kagimori.application.consequences import Replaced, ReplacementBegun
from kagimori.application.enrollment.ports import Customer, HeldToken
from kagimori.application.policies import Policies, policy_of, registration_of
from kagimori.application.ports import BySerial, BySubscriber
from kagimori.application.registration.means import Means
from kagimori.application.registration.ports import (
    Conclude,
    Exchange,
    Part,
    Tried,
    Try,
)
from kagimori.application.registration.tries import NONE_LEFT, counted
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.code import Otp
from kagimori.domain.errors import NoToken, ReplacementExpired, ReplacementNotBegun, SameToken
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.token import printed_serial


@dataclass(frozen=True, slots=True)
class BegunAnswer:
    """What became of the old token's code.

    ``complete_by`` (UTC) is until when the exchange can be completed; None unless
    the code was ACCEPTED.
    """

    verdict: Verdict
    complete_by: datetime | None


@dataclass(frozen=True, slots=True)
class ReplacementOrder:
    """What a customer read on his new token. ``request_id`` is a UUID."""

    request_id: str
    subscriber_ref: str = field(repr=False)
    serial: str
    code: Otp


@dataclass(frozen=True, slots=True)
class ReplacementAnswer:
    """What became of it. ``part`` is what the verdict is about; None with ACCEPTED.

    The serial numbers, 変更後 and 変更前, are empty unless it was ACCEPTED. The one
    before is empty, too, where the request is sent again after the customer has begun
    another exchange, or ended the use of his token.
    """

    verdict: Verdict
    part: Part | None = None
    serial_after: str = ""
    serial_before: str = ""


class BeginReplacement:
    """The use case behind ``BeginReplacement``."""

    def __init__(self, verify: Conclude, digests: Fingerprints, policies: Policies) -> None:
        """``verify`` judges the code; ``policies`` is by service ID."""
        self._verify = verify
        self._digests = digests
        self._policies = policies

    async def __call__(
        self,
        caller: Caller,
        request_id: str,
        subscriber_ref: str,
        code: Otp,
        seconds_left: float,
    ) -> BegunAnswer:
        """Judge a code of the customer's token within ``seconds_left`` seconds.

        The token stays in use. Begun again, an exchange has all its time again. The
        same request_id has the same answer for ten minutes. Raises `NotOffered`,
        `NoToken`, and whatever `VerifyOtp` raises.
        """
        policy = policy_of(self._policies, caller.tenant)
        within = timedelta(minutes=registration_of(policy).replacement_minutes)
        subscriber = kept_name(self._digests, policy, subscriber_ref)
        verdict = await self._verify(
            caller=caller,
            request_id=request_id,
            subject=BySubscriber(subscriber_ref),
            operation=Operation.REPLACE_OLD,
            code=code,
            consequence=ReplacementBegun(subscriber, within),
            words="",
            seconds_left=seconds_left,
        )
        if verdict.outcome is Outcome.UNKNOWN_TOKEN:
            raise NoToken
        if verdict.receipt is None:
            return BegunAnswer(verdict, None)
        # The exchange begins in the transaction of the acceptance, at the same time.
        return BegunAnswer(verdict, verdict.receipt.accepted_at + within)


@dataclass(frozen=True, slots=True)
class _Case:
    caller: Caller
    subscriber: str = field(repr=False)
    order: ReplacementOrder
    until: float


class CompleteReplacement:
    """The use case behind ``CompleteReplacement``."""

    def __init__(self, means: Means) -> None:
        """Work with ``means``."""
        self._means = means

    async def __call__(
        self, caller: Caller, order: ReplacementOrder, seconds_left: float
    ) -> ReplacementAnswer:
        """Judge the new token's code within ``seconds_left`` seconds; the verdict is durable.

        ACCEPTED: the new token is ACTIVE and the old one is the customer's no more, both
        in one transaction. Whatever else it is, the old one stays in use and the exchange
        open. Serial numbers are judged as by `RegisterToken`. The same request_id has the
        same answer for ten minutes. Raises `InvalidField`, `NotOffered`, `NoToken`,
        `ReplacementNotBegun`, `ReplacementExpired`, `SameToken`, and whatever `VerifyOtp`
        raises.
        """
        until = time.monotonic() + seconds_left
        policy = policy_of(self._means.policies, caller.tenant)
        rules = registration_of(policy)
        printed_serial(order.serial, rules.serial_length)
        subscriber = kept_name(self._means.digests, policy, order.subscriber_ref)
        case = _Case(caller, subscriber, order, until)
        wish = Try(caller.tenant, subscriber, order.request_id, rules.daily_tries, policy.zone)
        async with counted(self._means.store, wish) as tried:
            if tried is Tried.SPENT:
                return ReplacementAnswer(NONE_LEFT, Part.CUSTOMER)
            if tried is Tried.ANSWERED:
                return await self._concluded(case, None)
            return await self._concluded(case, await self._consequence(case))

    async def _consequence(self, case: _Case) -> Replaced | None:
        """Return what an acceptance brings about; None where there can be none."""
        tenant, order = case.caller.tenant, case.order
        # In this order: what the same request has done meanwhile is seen as done.
        customer = await self._means.store.customer(tenant, BySubscriber(case.subscriber))
        exchange = await self._means.store.exchange(tenant, case.subscriber)
        if exchange is not None and exchange.request_id == order.request_id:
            return None
        exchange, held = _insist_on_open(exchange, customer, order)
        old = await self._means.rows.held(tenant, held.serial, case.subscriber)
        if old is None:
            raise NoToken
        token = await self._means.rows.in_stock(tenant, order.serial)
        given_up = await self._means.rows.given_up(old, is_assisted=exchange.is_assisted)
        taken = await self._means.rows.taken(tenant, token, case.subscriber)
        return None if taken is None else Replaced(taken, given_up)

    async def _concluded(self, case: _Case, consequence: Replaced | None) -> ReplacementAnswer:
        order = case.order
        verdict = await self._means.verify(
            caller=case.caller,
            request_id=order.request_id,
            subject=BySerial(order.serial),
            operation=Operation.REPLACE_NEW,
            code=order.code,
            consequence=consequence,
            words=case.subscriber,
            seconds_left=case.until - time.monotonic(),
        )
        if verdict.outcome is not Outcome.ACCEPTED:
            return ReplacementAnswer(verdict, Part.TOKEN)
        before = await self._serial_before(case, consequence)
        return ReplacementAnswer(verdict, None, order.serial, before)

    async def _serial_before(self, case: _Case, consequence: Replaced | None) -> str:
        if consequence is not None:
            return consequence.given_up.seen.identity.serial
        exchange = await self._means.store.exchange(case.caller.tenant, case.subscriber)
        if exchange is None or exchange.request_id != case.order.request_id:
            return ""
        return exchange.serial_before


def _insist_on_open(
    exchange: Exchange | None, customer: Customer, order: ReplacementOrder
) -> tuple[Exchange, HeldToken]:
    """Return the exchange and its old token if it can be completed by this order."""
    if exchange is None or exchange.request_id is not None:
        raise ReplacementNotBegun
    held = customer.token
    if held is None:
        raise NoToken
    if held.token_id != exchange.token_id:
        raise ReplacementNotBegun
    if exchange.is_over:
        raise ReplacementExpired
    if held.serial == order.serial:
        raise SameToken
    # Locked since its code was given: that code proves nothing any more.
    if held.state is not State.ACTIVE and not exchange.is_assisted:
        raise ReplacementNotBegun
    return exchange, held
