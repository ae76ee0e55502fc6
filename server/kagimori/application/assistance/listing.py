# SPDX-License-Identifier: Apache-2.0
"""What waits for a second person."""

from __future__ import annotations

from collections.abc import Sequence

from kagimori.application.assistance.offered import offered
from kagimori.application.assistance.ports import Proposal, ProposalStore
from kagimori.application.policies import Policies
from kagimori.application.verification.verify import Caller


class ListReplacements:
    """The use case behind ``ListReplacements``."""

    def __init__(self, store: ProposalStore, policies: Policies) -> None:
        """``policies`` is by service ID."""
        self._store = store
        self._policies = policies

    async def __call__(self, caller: Caller) -> Sequence[Proposal]:
        """Return the tenant's proposals that can be approved, the oldest first, 100 at most.

        Raises `NotOffered` or `StoreUnavailable`.
        """
        offered(self._policies, caller.tenant)
        return await self._store.undecided(caller.tenant)
