# SPDX-License-Identifier: Apache-2.0
"""The bank's staff give a locked token its attempts back."""

from __future__ import annotations

from kagimori.application.enrollment.ports import (
    Done,
    EnrollmentStore,
    HeldToken,
    Stale,
    Unlocking,
)
from kagimori.application.enrollment.standing import has_enrolled_token, while_stale
from kagimori.application.inventory.desk_ports import DeskStore
from kagimori.application.policies import Policies, policy_of
from kagimori.application.ports import BySubscriber, Subject
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import NotLocked, NoToken
from kagimori.domain.lifecycle import IN_STOCK, Event, IllegalTransition, State, after


class UnlockToken:
    """The use case behind ``UnlockToken``."""

    def __init__(
        self,
        store: EnrollmentStore,
        desk: DeskStore,
        digests: Fingerprints,
        policies: Policies,
    ) -> None:
        """``desk`` knows tokens that nobody has; ``policies`` is by service ID."""
        self._store = store
        self._desk = desk
        self._digests = digests
        self._policies = policies

    async def __call__(self, caller: Caller, subject: Subject) -> None:
        """Unlock the token; it is durable. What was spent of the day stays spent.

        A token that was never activated is not activated by it, and one in stock, named
        by its serial number, stays there. Raises `NoToken`, `NotLocked` or
        `StoreUnavailable`.
        """
        policy = policy_of(self._policies, caller.tenant)
        if isinstance(subject, BySubscriber):
            subject = BySubscriber(kept_name(self._digests, policy, subject.value))
        await while_stale(lambda: self._attempt(caller, subject))

    async def _attempt(self, caller: Caller, subject: Subject) -> Done | Stale:
        customer = await self._store.customer(caller.tenant, subject)
        token, enrolled = customer.token, customer.enrolled
        if token is None:
            return await self._unlock_in_stock(caller, subject)
        user_id = enrolled.user_id if enrolled and has_enrolled_token(customer) else None
        unlocking = Unlocking(caller.tenant, token, _unlocked(token.state), user_id, caller.name)
        return await self._store.unlock(unlocking)

    async def _unlock_in_stock(self, caller: Caller, subject: Subject) -> Done | Stale:
        """Unlock a token whose codes were wrong when a customer was to register it."""
        if isinstance(subject, BySubscriber):
            raise NoToken
        found = await self._desk.look(caller.tenant, subject.value)
        if found is None or found.token.state not in IN_STOCK:
            raise NoToken
        token = found.token
        if not token.spent.are_spent:
            raise NotLocked
        identity, state = token.identity, token.state
        held = HeldToken(identity.token_id, identity.serial, state, token.generation)
        unlocking = Unlocking(caller.tenant, held, _unlocked(state), None, caller.name)
        return await self._store.unlock(unlocking)


def _unlocked(state: State) -> State:
    try:
        return after(state, Event.UNLOCK)
    except IllegalTransition:
        raise NotLocked from None
