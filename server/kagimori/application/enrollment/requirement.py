# SPDX-License-Identifier: Apache-2.0
"""Whether a customer needs a code for what he is about to do."""

from __future__ import annotations

from typing import Final

from kagimori.application.enrollment.ports import EnrollmentStore
from kagimori.application.enrollment.standing import status_of
from kagimori.application.policies import Policies, policy_of
from kagimori.application.ports import BySubscriber
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.lifecycle import Status
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import When
from kagimori.domain.value import value

_IN_USE: Final = frozenset({Status.ACTIVE, Status.LOCKED})


@value(frozen=True, slots=True)
class Requirement:
    """Whether a code is needed, and whether the customer has a token in use, locked or not."""

    needs_code: bool
    has_token: bool


class GetOtpRequirement:
    """The use case behind ``GetOtpRequirement``."""

    def __init__(self, store: EnrollmentStore, digests: Fingerprints, policies: Policies) -> None:
        """``policies`` is by service ID."""
        self._store = store
        self._digests = digests
        self._policies = policies

    async def __call__(
        self, caller: Caller, subscriber_ref: str, operation: Operation
    ) -> Requirement:
        """Return what the tenant's rules and the customer's status make of it, now.

        Where the customer has the choice, none has been made. Raises
        `StoreUnavailable`.
        """
        policy = policy_of(self._policies, caller.tenant)
        subject = BySubscriber(kept_name(self._digests, policy, subscriber_ref))
        customer = await self._store.customer(caller.tenant, subject)
        has_token = status_of(customer) in _IN_USE
        always = policy.operations.get(operation, When.NEVER) is When.ALWAYS
        return Requirement(has_token and always, has_token)
