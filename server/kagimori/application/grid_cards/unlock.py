# SPDX-License-Identifier: Apache-2.0
"""The bank's staff give a locked card its attempts back."""

from __future__ import annotations

from typing import Final

from kagimori.application.enrollment.ports import Done, Stale
from kagimori.application.enrollment.standing import while_stale
from kagimori.application.grid_cards.card import offered, unlocked
from kagimori.application.grid_cards.ports import CardStore, Line
from kagimori.application.policies import Policies, policy_of
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import NoGridCard, NotLocked
from kagimori.domain.grid_card import CardState

ACTION: Final = "UNLOCK_CARD"
"""What the audit log calls it."""


class UnlockGridCard:
    """The use case behind ``UnlockGridCard``."""

    def __init__(self, store: CardStore, digests: Fingerprints, policies: Policies) -> None:
        """``policies`` is by service ID."""
        self._store = store
        self._digests = digests
        self._policies = policies

    async def __call__(self, caller: Caller, subscriber_ref: str) -> None:
        """Unlock the card; it is durable. What was spent of the day stays spent.

        The positions that are asked for stay the same. Raises `NotOffered`,
        `NoGridCard`, `NotLocked`, `TokenBusy` or `StoreUnavailable`.
        """
        policy = policy_of(self._policies, caller.tenant)
        offered(policy)
        subscriber = kept_name(self._digests, policy, subscriber_ref)
        await while_stale(lambda: self._attempt(caller, subscriber))

    async def _attempt(self, caller: Caller, subscriber: str) -> Done | Stale:
        seen = await self._store.look(caller.tenant, subscriber)
        if seen is None:
            raise NoGridCard
        if seen.card.state is not CardState.LOCKED:
            raise NotLocked
        return await self._store.change(seen.card, unlocked(seen.card), Line(caller.name, ACTION))
