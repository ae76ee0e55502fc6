# SPDX-License-Identifier: Apache-2.0
"""Two positions of a customer's card are asked for, which nobody can choose."""

from __future__ import annotations

import secrets
from datetime import timedelta
from uuid import uuid4

from kagimori.application.enrollment.ports import Done, Stale
from kagimori.application.enrollment.standing import while_stale
from kagimori.application.grid_cards.card import Draw, asked, next_pair, offered, open_challenge
from kagimori.application.grid_cards.ports import CardStore, Challenge
from kagimori.application.policies import Policies, policy_of
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import NoGridCard


class CreateGridChallenge:
    """The use case behind ``CreateGridChallenge``."""

    def __init__(
        self,
        store: CardStore,
        digests: Fingerprints,
        policies: Policies,
        draw: Draw = secrets.choice,
    ) -> None:
        """``policies`` is by service ID; ``draw`` draws a pair that nobody foresees."""
        self._store = store
        self._digests = digests
        self._policies = policies
        self._draw = draw

    async def __call__(self, caller: Caller, subscriber_ref: str) -> Challenge:
        """Return the challenge that waits for an answer, or a new one; it is durable.

        A locked card is asked like any other: the positions tell nothing, and that it
        is locked is told where it is written down, in what becomes of an answer.
        Raises `NotOffered`, `NoGridCard`, `TokenBusy` or `StoreUnavailable`.
        """
        policy = policy_of(self._policies, caller.tenant)
        minutes = timedelta(minutes=offered(policy).grid_minutes)
        subscriber = kept_name(self._digests, policy, subscriber_ref)
        return await while_stale(lambda: self._attempt(caller.tenant, subscriber, minutes))

    async def _attempt(self, tenant: str, subscriber: str, minutes: timedelta) -> Challenge | Stale:
        seen = await self._store.look(tenant, subscriber)
        if seen is None:
            raise NoGridCard
        waiting = open_challenge(seen)
        if waiting is not None:
            return waiting
        pair = next_pair(seen.card, self._draw)
        new = Challenge(str(uuid4()), pair, seen.now + minutes)
        written = await self._store.change(seen.card, asked(seen.card, new))
        return new if written == Done() else Stale()
