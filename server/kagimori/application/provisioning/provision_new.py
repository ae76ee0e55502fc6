# SPDX-License-Identifier: Apache-2.0
"""A token before its customer: an app's sealed seeds get a serial number.

No password says whose it is, so anybody can ask for as many as he likes. What
bounds them: calls of a minute, from one address and for one bank; how many may
wait at a bank at once; and how long each of them waits.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kagimori.application.policies import registration_of
from kagimori.application.provisioning.envelopes import LOGIN, SIGNING, Envelopes, used_before
from kagimori.application.provisioning.keys import policy_of
from kagimori.application.provisioning.new_token import DRAWS, new_identities, new_token
from kagimori.application.provisioning.store import NewToken
from kagimori.application.provisioning.unclaimed import MadeBefore, NotMade, UnclaimedTokens
from kagimori.application.provisioning.under_way import UnderWay
from kagimori.application.provisioning.wish import Done, DoneNew, NewMeans, NewSetUp
from kagimori.domain import enrollment
from kagimori.domain.errors import EnvelopeRefused, NotOffered, StoreUnavailable, TooManyTries
from kagimori.domain.lifecycle import BORN
from kagimori.domain.tenant import Registration, TenantPolicy
from kagimori.domain.token import CustodyLabel, Profile, SealedSeed

_RETRY_AFTER: Final = 0.5
_FULL_FOR: Final = 3600.0
"""Seconds to wait where a bank has no room: it comes by the day, not by the second."""


@dataclass(frozen=True, slots=True)
class NewLimits:
    """How many tokens may be made before their customers are known.

    ``per_peer`` and ``per_service`` in a minute from one address and for one bank,
    ``unclaimed`` waiting at one bank, ``under_way`` at once. Those that wait are
    counted every ``count_every`` seconds: to count is work, and a bound on what a
    flood leaves behind need not be exact.
    """

    per_peer: int = 6
    per_service: int = 120
    unclaimed: int = 100_000
    under_way: int = 256
    count_every: float = 60.0


class ProvisionNewToken:
    """The use case behind the RPC of that name."""

    def __init__(self, means: NewMeans, limits: NewLimits) -> None:
        """Work with ``means``, as often as ``limits`` allow."""
        self._means = means
        self._limits = limits
        self._room = _Room(means.store, limits)
        self._under_way: UnderWay[DoneNew] = UnderWay(limits.under_way)

    async def __call__(self, asked: NewSetUp) -> DoneNew:
        """Make the app's seeds a token that waits for its customer.

        Raises `InvalidField`, `NotOffered`, `TooManyTries`, `EnvelopeRefused`,
        `Overloaded`, `HsmUnavailable` or `StoreUnavailable`. The same envelopes get
        the same answer, as long as the token lives. A caller who gives up ends nothing.
        """
        attempt = _Attempt(self._means, asked)
        return await self._under_way.run(lambda: self._counted(attempt, asked))

    async def finish(self) -> None:
        """Return when nothing is under way any more."""
        await self._under_way.finish()

    async def _counted(self, attempt: _Attempt, asked: NewSetUp) -> DoneNew:
        # Buckets of their own: who floods this holds up nobody who has a password.
        limits = {
            f"new:peer:{asked.peer}": self._limits.per_peer,
            f"new:service:{asked.service_id}": self._limits.per_service,
        }
        wait = await self._means.limits.count(limits)
        if wait is not None:
            raise TooManyTries("too many new tokens were asked for lately", wait)
        # An answer that got lost is given again, room or not.
        before = await attempt.before()
        if before is not None:
            return before
        await self._room.take(asked.service_id)
        return await attempt.make()


class _Room:
    """How many tokens wait at each bank, as they were counted a while ago."""

    def __init__(self, store: UnclaimedTokens, limits: NewLimits) -> None:
        self._store = store
        self._most, self._every = limits.unclaimed, limits.count_every
        self._waiting: dict[str, int] = {}
        self._stale_at: dict[str, float] = {}
        self._counting = asyncio.Lock()

    async def take(self, tenant: str) -> None:
        """Take the room of one more token, or raise `TooManyTries`."""
        async with self._counting:
            if time.monotonic() >= self._stale_at.get(tenant, 0.0):
                self._waiting[tenant] = await self._store.waiting(tenant)
                self._stale_at[tenant] = time.monotonic() + self._every
        if self._waiting[tenant] >= self._most:
            raise TooManyTries("too many new tokens wait for their customers", _FULL_FOR)
        self._waiting[tenant] += 1


class _Attempt:
    """One token to be made. Its fields are checked when the attempt is."""

    def __init__(self, means: NewMeans, asked: NewSetUp) -> None:
        """Raise `InvalidField`, `EnvelopeRefused` or `NotOffered` for what cannot be right."""
        enrollment.service_id(asked.service_id)
        self._policy = policy_of(means.policies, asked.service_id)
        self._rule = _rule_of(self._policy)
        self._envelopes = Envelopes.of(asked, means.keys)
        self._means = means
        self._wait = timedelta(days=self._rule.unclaimed_days)

    async def before(self) -> DoneNew | None:
        """Return the answer that the same envelopes got; raise `EnvelopeRefused`."""
        found = await self._means.store.before(
            self._policy.service_id, *self._envelopes.digests, self._wait
        )
        if isinstance(found, NotMade):
            raise _refusal(found)
        return None if found is None else self._answer(found)

    async def make(self) -> DoneNew:
        """Move the seeds under the wrapping key and write the token down."""
        seeds = await self._envelopes.moved(self._means.vault, self._policy.tokens.hash)
        for _ in range(DRAWS):
            new = await self._drawn(seeds)
            added = await self._means.store.add(new, self._wait)
            if added is NotMade.SERIAL_TAKEN:
                continue
            if isinstance(added, NotMade):
                return await self._overtaken(added)
            identity = new.login.identity
            return self._answer(MadeBefore(identity.serial, identity.profile, added))
        raise StoreUnavailable("no serial number was free", _RETRY_AFTER)

    async def _overtaken(self, refused: NotMade) -> DoneNew:
        """Answer as whoever was faster: it may be the same call, sent twice."""
        before = await self.before()
        if before is None:
            raise _refusal(refused)
        return before

    async def _drawn(self, seeds: list[SealedSeed]) -> NewToken:
        """Return the token under a serial number that was drawn just now."""
        profile: Profile = self._policy.tokens.profile
        length = self._rule.serial_length
        identities = new_identities(self._policy.service_id, None, profile, seeds, length)
        macs = await self._means.vault.row_macs(identities)
        return new_token(identities, macs, self._envelopes.digests, BORN)

    def _answer(self, made: MadeBefore) -> DoneNew:
        policy = self._policy
        signing = policy.tokens.transaction_signing
        return DoneNew(Done(made.serial, made.profile, policy.issuer, signing), made.register_by)


def _rule_of(policy: TenantPolicy) -> Registration:
    rules = registration_of(policy)
    if CustodyLabel.SEALED_BY_APP not in policy.custody:
        raise NotOffered("tokens whose seeds an app draws")
    return rules


def _refusal(why: NotMade) -> EnvelopeRefused:
    return used_before(LOGIN if why is NotMade.LOGIN_ENVELOPE_USED else SIGNING)
