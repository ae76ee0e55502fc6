# SPDX-License-Identifier: Apache-2.0
"""ログイン時の認証要否: the customer says whether his logins need a code."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from kagimori.application.enrollment.ports import Stale
from kagimori.application.enrollment.standing import (
    IN_USE,
    Standing,
    standing_of,
    status_of,
    while_stale,
)
from kagimori.application.policies import Policies, policy_of, registration_of
from kagimori.application.ports import BySubscriber
from kagimori.application.registration.ports import Choice, RegistrationStore
from kagimori.application.registration.rules import leaves_logins_to_customers
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import NotOffered, NoToken
from kagimori.domain.tenant import TenantPolicy


@dataclass(frozen=True, slots=True)
class _Wish:
    caller: Caller
    policy: TenantPolicy
    subscriber: str = field(repr=False)
    login_otp: bool


class SetLoginOtp:
    """The use case behind ``SetLoginOtp``."""

    def __init__(self, store: RegistrationStore, digests: Fingerprints, policies: Policies) -> None:
        """``policies`` is by service ID."""
        self._store = store
        self._digests = digests
        self._policies = policies

    async def __call__(
        self,
        caller: Caller,
        subscriber_ref: str,
        login_otp: bool,  # noqa: FBT001 - what the customer chose
    ) -> Standing:
        """Write the choice down; it is durable. The same again changes nothing.

        Raises `NotOffered`, `NoToken` where the customer has none in use, or
        `StoreUnavailable`.
        """
        policy = policy_of(self._policies, caller.tenant)
        registration_of(policy)
        if not leaves_logins_to_customers(policy):
            raise NotOffered("choosing whether a login needs a code")
        name = kept_name(self._digests, policy, subscriber_ref)
        wish = _Wish(caller, policy, name, login_otp)
        return await while_stale(lambda: self._attempt(wish))

    async def _attempt(self, wish: _Wish) -> Standing | Stale:
        tenant = wish.caller.tenant
        customer = await self._store.customer(tenant, BySubscriber(wish.subscriber))
        token = customer.token
        if token is None or status_of(customer) not in IN_USE:
            raise NoToken
        if customer.login_otp is not wish.login_otp:
            choice = Choice(tenant, wish.subscriber, token, wish.login_otp, wish.caller.name)
            done = await self._store.choose(choice)
            if isinstance(done, Stale):
                return done
        return standing_of(replace(customer, login_otp=wish.login_otp), wish.policy)
