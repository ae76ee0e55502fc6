# SPDX-License-Identifier: Apache-2.0
"""The second of two persons: a proposal is approved, or rejected."""

from __future__ import annotations

from datetime import timedelta

from kagimori.application.assistance.offered import offered
from kagimori.application.assistance.ports import (
    Approval,
    Proposal,
    ProposalStore,
    Rejection,
    Seen,
)
from kagimori.application.enrollment.ports import Stale
from kagimori.application.enrollment.standing import while_stale
from kagimori.application.policies import Policies
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import ProposalOver, SamePerson, UnknownProposal
from kagimori.domain.replacement import ProposalState


class ApproveReplacement:
    """The use case behind ``ApproveReplacement``."""

    def __init__(self, store: ProposalStore, digests: Fingerprints, policies: Policies) -> None:
        """``policies`` is by service ID."""
        self._store = store
        self._digests = digests
        self._policies = policies

    async def __call__(self, caller: Caller, proposal_id: str, subscriber_ref: str) -> Proposal:
        """Let the customer complete the exchange; it is durable.

        Persons are told apart by their names. Once it is approved whoever approves it,
        but for who proposed it, hears so. Raises `NotOffered`, `UnknownProposal` (also
        for another customer than it is about), `SamePerson`, `ProposalOver` or
        `StoreUnavailable`.
        """
        policy, rules = offered(self._policies, caller.tenant)
        name = kept_name(self._digests, policy, subscriber_ref)
        valid_for = timedelta(hours=rules.assisted_hours)

        async def attempt() -> Proposal | Stale:
            seen = await _look(self._store, caller, proposal_id)
            proposal = seen.proposal
            if proposal.subscriber != name:
                raise UnknownProposal
            _check(seen, caller)
            if proposal.state is ProposalState.APPROVED:
                return proposal
            return await self._store.approve(Approval(proposal, caller.name, valid_for))

        return await while_stale(attempt)


class RejectReplacement:
    """The use case behind ``RejectReplacement``."""

    def __init__(self, store: ProposalStore, policies: Policies) -> None:
        """``policies`` is by service ID."""
        self._store = store
        self._policies = policies

    async def __call__(self, caller: Caller, proposal_id: str) -> Proposal:
        """End an undecided proposal; it is durable. Who proposed it may do so, too.

        Once it is rejected whoever rejects it hears so. Raises `NotOffered`,
        `UnknownProposal`, `ProposalOver` or `StoreUnavailable`.
        """
        offered(self._policies, caller.tenant)

        async def attempt() -> Proposal | Stale:
            proposal = (await _look(self._store, caller, proposal_id)).proposal
            if proposal.state is ProposalState.REJECTED:
                return proposal
            if proposal.state is ProposalState.APPROVED or proposal.is_expired:
                raise ProposalOver
            return await self._store.reject(Rejection(proposal, caller.name))

        return await while_stale(attempt)


async def _look(store: ProposalStore, caller: Caller, proposal_id: str) -> Seen:
    seen = await store.look(caller.tenant, proposal_id)
    if seen is None:
        raise UnknownProposal
    return seen


def _check(seen: Seen, caller: Caller) -> None:
    """Return if ``caller`` may approve it, or it is approved."""
    if seen.proposal.proposed_by == caller.name:
        raise SamePerson
    if seen.is_over and seen.proposal.state is not ProposalState.APPROVED:
        raise ProposalOver
