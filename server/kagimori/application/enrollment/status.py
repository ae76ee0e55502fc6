# SPDX-License-Identifier: Apache-2.0
"""登録状況: where a customer is."""

from __future__ import annotations

from kagimori.application.enrollment.ports import EnrollmentStore
from kagimori.application.enrollment.standing import Standing, standing_of
from kagimori.application.policies import Policies, policy_of
from kagimori.application.ports import BySubscriber
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller


class GetEnrollment:
    """The use case behind ``GetEnrollment``."""

    def __init__(self, store: EnrollmentStore, digests: Fingerprints, policies: Policies) -> None:
        """``policies`` is by service ID."""
        self._store = store
        self._digests = digests
        self._policies = policies

    async def __call__(self, caller: Caller, subscriber_ref: str) -> Standing:
        """Return it; NOT_REGISTERED for one whom nobody knows. Raises `StoreUnavailable`."""
        policy = policy_of(self._policies, caller.tenant)
        subject = BySubscriber(kept_name(self._digests, policy, subscriber_ref))
        return standing_of(await self._store.customer(caller.tenant, subject), policy)
