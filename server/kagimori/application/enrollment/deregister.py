# SPDX-License-Identifier: Apache-2.0
"""利用解除: an enrolment ends, and its token is destroyed. It needs no HSM."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from kagimori.application.enrollment.ports import (
    Customer,
    EnrollmentStore,
    Release,
    Stale,
)
from kagimori.application.enrollment.standing import (
    Standing,
    has_enrolled_token,
    standing_of,
    status_of,
    while_stale,
)
from kagimori.application.policies import Policies, policy_of
from kagimori.application.ports import BySubscriber
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.calendar import day_of
from kagimori.domain.enrollment import EnrollmentState
from kagimori.domain.errors import NotOffered, NoToken
from kagimori.domain.lifecycle import IllegalTransition, Status, Step, status_after
from kagimori.domain.tenant import TenantPolicy


@dataclass(frozen=True, slots=True)
class _Wish:
    caller: Caller
    policy: TenantPolicy
    subscriber: str = field(repr=False)


class DeregisterToken:
    """The use case behind ``DeregisterToken``."""

    def __init__(self, store: EnrollmentStore, digests: Fingerprints, policies: Policies) -> None:
        """``policies`` is by service ID."""
        self._store = store
        self._digests = digests
        self._policies = policies

    async def __call__(self, caller: Caller, subscriber_ref: str) -> Standing:
        """End the enrolment, whatever its status; it is durable.

        No verification of its token that is under way can be accepted from then on.
        Once more gives the same answer. Raises `NoToken`, `NotOffered` for a token
        that came of no enrolment, or `StoreUnavailable`.
        """
        policy = policy_of(self._policies, caller.tenant)
        wish = _Wish(caller, policy, kept_name(self._digests, policy, subscriber_ref))
        return await while_stale(lambda: self._attempt(wish))

    async def _attempt(self, wish: _Wish) -> Standing | Stale:
        customer = await self._store.customer(wish.caller.tenant, BySubscriber(wish.subscriber))
        if status_of(customer) is Status.RELEASED:
            return standing_of(customer, wish.policy)
        release = _release(wish, customer)
        done = await self._store.release(release)
        if isinstance(done, Stale):
            return done
        ended = replace(
            release.enrolled,
            state=EnrollmentState.RELEASED,
            token_id=None,
            released_on=release.released_on,
        )
        return standing_of(Customer(customer.now, ended), wish.policy)


def _what_ends_it(policy: TenantPolicy) -> str:
    """Return what is not offered for a token that came of no enrolment, and what is."""
    if policy.registration is None:
        return "deregistering a hardware token; ReturnToken takes it back"
    return (
        "deregistering a registered token; TerminateToken ends it, "
        "and ReturnToken takes a hardware token back"
    )


def _release(wish: _Wish, customer: Customer) -> Release:
    """Return what is to be ended; raise `NotNow` where nothing can be."""
    try:
        status_after(status_of(customer), Step.DEREGISTER)
    except IllegalTransition:
        raise NoToken from None
    # A vendor's token is given back; it is not destroyed because its holder changes.
    if customer.enrolled is None or (customer.token and not has_enrolled_token(customer)):
        raise NotOffered(_what_ends_it(wish.policy))
    return Release(
        wish.caller.tenant,
        wish.subscriber,
        customer.enrolled,
        customer.token,
        day_of(customer.now, wish.policy.zone),
        wish.caller.name,
    )
