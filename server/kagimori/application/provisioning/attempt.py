# SPDX-License-Identifier: Apache-2.0
"""One attempt to set an app up, from its fields to its answer."""

from __future__ import annotations

import hashlib
from typing import Final

from kagimori.application.provisioning.keys import DOES_NOT_OPEN, ProvisioningKey, policy_of
from kagimori.application.provisioning.new_token import new_identities, new_token
from kagimori.application.provisioning.ports import EnvelopeUnfit
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
from kagimori.domain.token import CustodyLabel, Profile, SealedSeed

LOGIN: Final = "login_envelope"
SIGNING: Final = "signing_envelope"

_USED: Final = "was used before"
_RETRY_AFTER: Final = 0.5
_DRAWS: Final = 8
"""Serial numbers that are drawn, of 34^10, before something else must be wrong."""


class Attempt:
    """One set-up. Its fields are checked when it is made; see `run` for the rest."""

    def __init__(self, means: Means, asked: SetUp) -> None:
        """Raise `InvalidField`, `EnvelopeRefused` or `NotOffered` for what cannot be right."""
        enrollment.service_id(asked.service_id)
        enrollment.user_id(asked.user_id)
        self._policy = policy_of(means.policies, asked.service_id)
        if CustodyLabel.SEALED_BY_APP not in self._policy.custody:
            raise NotOffered("tokens whose seeds an app draws")
        self._key = _checked(means, asked)
        self._means = means
        self._asked = asked
        self._digests = (_digest(asked.login_envelope), _digest(asked.signing_envelope))

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
        for _ in range(_DRAWS):
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
        before = await store.before(tried, *self._digests)
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
        asked, means = self._asked, self._means
        try:
            return await means.vault.seal_envelopes(
                asked.service_id,
                self._key.version,
                [asked.login_envelope, asked.signing_envelope],
                self._policy.tokens.hash,
            )
        except EnvelopeUnfit as unfit:
            await means.store.give_back(tried, GivenBack.UNFIT)
            name = (LOGIN, SIGNING)[unfit.index]
            raise EnvelopeRefused(name, DOES_NOT_OPEN) from None
        except HsmUnavailable:
            # The password was right: giving the try back tells nobody more than that.
            await means.store.give_back(tried, GivenBack.NO_RESULT)
            raise

    async def _drawn(self, tried: Tried, seeds: list[SealedSeed]) -> NewToken:
        """Return the token under a serial number that was drawn just now."""
        identities = new_identities(tried, self._policy.tokens.profile, seeds)
        try:
            macs = await self._means.vault.row_macs(identities)
        except HsmUnavailable:
            await self._means.store.give_back(tried, GivenBack.NO_RESULT)
            raise
        return new_token(identities, macs, self._digests)

    def _answer(self, serial: str, profile: Profile) -> Done:
        policy = self._policy
        return Done(serial, profile, policy.issuer, policy.tokens.transaction_signing)


def _checked(means: Means, asked: SetUp) -> ProvisioningKey:
    """Return the key that the envelopes are for, which they can be under."""
    key = means.keys.pinned(asked.service_id, asked.key_pin)
    key.check(LOGIN, asked.login_envelope)
    key.check(SIGNING, asked.signing_envelope)
    if asked.login_envelope == asked.signing_envelope:
        raise EnvelopeRefused(SIGNING, _USED)
    return key


def _digest(envelope: bytes) -> str:
    return hashlib.sha256(envelope).hexdigest()


def _refusal(came_to: Provisioning) -> AuthorityError:
    if came_to is Provisioning.LIVE_TOKEN:
        return LiveToken()
    login = came_to is Provisioning.LOGIN_ENVELOPE_USED
    return EnvelopeRefused(LOGIN if login else SIGNING, _USED)
