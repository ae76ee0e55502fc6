# SPDX-License-Identifier: Apache-2.0
"""One attempt to set an app up, from its fields to its answer."""

from __future__ import annotations

from typing import Final

from kagimori.application.provisioning.envelopes import LOGIN, SIGNING, Envelopes, used_before
from kagimori.application.provisioning.keys import policy_of
from kagimori.application.provisioning.new_token import DRAWS, new_identities, new_token
from kagimori.application.provisioning.store import (
    GivenBack,
    NewToken,
    Otherwise,
    Provisioning,
    SetUpBefore,
    Tried,
)
from kagimori.application.provisioning.wish import Done, Means, SetUp
from kagimori.domain import enrollment
from kagimori.domain.enrollment import EnrollmentState
from kagimori.domain.errors import (
    ActivationExpired,
    ActivationRefused,
    AlreadyProvisioned,
    AuthorityError,
    EnvelopeRefused,
    HsmUnavailable,
    LiveToken,
    NotOffered,
    Overloaded,
    StoreUnavailable,
)
from kagimori.domain.lifecycle import State
from kagimori.domain.token import CustodyLabel, Profile, SealedSeed

_RETRY_AFTER: Final = 0.5


class Attempt:
    """One set-up. Its fields are checked when it is made; see `run` for the rest."""

    def __init__(self, means: Means, asked: SetUp) -> None:
        """Raise `InvalidField`, `EnvelopeRefused` or `NotOffered` for what cannot be right."""
        enrollment.service_id(asked.service_id)
        enrollment.user_id(asked.user_id)
        self._policy = policy_of(means.policies, asked.service_id)
        if CustodyLabel.SEALED_BY_APP not in self._policy.custody:
            raise NotOffered("tokens whose seeds an app draws")
        self._envelopes = Envelopes.of(asked, means.keys)
        self._means = means
        self._asked = asked

    async def run(self) -> Done:
        """Try the password and, if it is right, do what it is for."""
        tried = await self._judged()
        if tried.state is EnrollmentState.PROVISIONED:
            return await self._again(tried)
        if tried.expired:
            await self._means.store.expire(tried)
            raise ActivationExpired
        return await self._set_up(tried)

    async def _judged(self) -> Tried:
        """Return the enrolment if the password is right."""
        asked, means = self._asked, self._means
        tenant, user_id, tries = asked.service_id, asked.user_id, self._policy.activation.tries
        tried = await means.store.claim(tenant, user_id, tries)
        sealed = tried.password if tried else None
        try:
            right = await means.passwords.is_right(tenant, user_id, asked.password, sealed)
        except (HsmUnavailable, Overloaded):
            # No other error gives a guess back: somebody may know how to bring it about.
            if tried is not None:
                await means.store.give_back(tried, GivenBack.NO_RESULT)
            raise
        # What is right for a decoy is not right.
        if tried is None or sealed is None or not right:
            await means.store.refuse(tenant, user_id, tries)
            raise ActivationRefused
        return tried

    async def _set_up(self, tried: Tried) -> Done:
        seeds = await self._sealed(tried)
        for _ in range(DRAWS):
            new = await self._drawn(tried, seeds)
            came_to = await self._means.store.provision(tried, new)
            if came_to is Provisioning.DONE:
                return self._answer(new.login.identity.serial, new.login.identity.profile)
            if came_to is Provisioning.OVERTAKEN:
                return await self._again(tried)
            if came_to is not Provisioning.SERIAL_TAKEN:
                await self._means.store.give_back(tried, GivenBack.UNFIT)
                raise _refusal(came_to)
        raise StoreUnavailable("no serial number was free", _RETRY_AFTER)

    async def _again(self, tried: Tried) -> Done:
        """Answer as before, if the same envelopes have set the app up: an answer can get lost."""
        store = self._means.store
        before = await store.before(tried, *self._envelopes.digests)
        if before is Otherwise.GONE:
            await store.refuse(tried.tenant, tried.user_id, self._policy.activation.tries)
            raise ActivationRefused
        if isinstance(before, SetUpBefore):
            await store.give_back(tried, GivenBack.REPEATED)
            return self._answer(before.serial, before.profile)
        await store.give_back(tried, GivenBack.ALREADY)
        raise AlreadyProvisioned

    async def _sealed(self, tried: Tried) -> list[SealedSeed]:
        """Return both seeds under the wrapping key."""
        store = self._means.store
        try:
            return await self._envelopes.moved(self._means.vault, self._policy.tokens.hash)
        except EnvelopeRefused:
            await store.give_back(tried, GivenBack.UNFIT)
            raise
        except HsmUnavailable:
            # The password was right: giving the try back tells nobody more than that.
            await store.give_back(tried, GivenBack.NO_RESULT)
            raise

    async def _drawn(self, tried: Tried, seeds: list[SealedSeed]) -> NewToken:
        """Return the token under a serial number that was drawn just now."""
        owner = tried.tenant, tried.subscriber
        identities = new_identities(*owner, self._policy.tokens.profile, seeds)
        try:
            macs = await self._means.vault.row_macs(identities)
        except HsmUnavailable:
            await self._means.store.give_back(tried, GivenBack.NO_RESULT)
            raise
        return new_token(identities, macs, self._envelopes.digests, State.ASSIGNED)

    def _answer(self, serial: str, profile: Profile) -> Done:
        policy = self._policy
        return Done(serial, profile, policy.issuer, policy.tokens.transaction_signing)


def _refusal(came_to: Provisioning) -> AuthorityError:
    if came_to is Provisioning.LIVE_TOKEN:
        return LiveToken()
    login = came_to is Provisioning.LOGIN_ENVELOPE_USED
    return used_before(LOGIN if login else SIGNING)
