# SPDX-License-Identifier: Apache-2.0
"""The first of two persons: an exchange without a code of the old token is proposed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from kagimori.application.assistance.offered import offered
from kagimori.application.assistance.ports import (
    Before,
    NewProposal,
    Proposal,
    ProposalStore,
    Seen,
    in_use,
)
from kagimori.application.enrollment.ports import HeldToken, Stale
from kagimori.application.enrollment.standing import while_stale
from kagimori.application.policies import Policies
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import NoToken, ProposalOpen, RequestIdReused
from kagimori.domain.replacement import ReplacementReason


@dataclass(frozen=True, slots=True)
class Wish:
    """Whose token is to be replaced, and why there is no code of it."""

    request_id: str
    subscriber_ref: str = field(repr=False)
    reason: ReplacementReason


@dataclass(frozen=True, slots=True)
class _Proposing:
    caller: Caller
    request_id: str
    subscriber: str = field(repr=False)
    reason: ReplacementReason
    valid_for: timedelta


class ProposeReplacement:
    """The use case behind ``ProposeReplacement``."""

    def __init__(self, store: ProposalStore, digests: Fingerprints, policies: Policies) -> None:
        """``policies`` is by service ID."""
        self._store = store
        self._digests = digests
        self._policies = policies

    async def __call__(self, caller: Caller, wish: Wish) -> Proposal:
        """Write the proposal down; it is durable, and nothing else has changed.

        The same request_id gives the same proposal, with what has become of it since.
        Raises `NotOffered`, `NoToken`, `ProposalOpen`, `RequestIdReused` or
        `StoreUnavailable`.
        """
        policy, rules = offered(self._policies, caller.tenant)
        proposing = _Proposing(
            caller,
            wish.request_id,
            kept_name(self._digests, policy, wish.subscriber_ref),
            wish.reason,
            timedelta(hours=rules.approval_hours),
        )
        return await while_stale(lambda: self._attempt(proposing))

    async def _attempt(self, proposing: _Proposing) -> Proposal | Stale:
        tenant = proposing.caller.tenant
        before = await self._store.before(tenant, proposing.subscriber, proposing.request_id)
        if before.earlier is not None:
            return _same(before.earlier, proposing)
        token = in_use(before.token)
        if token is None:
            raise NoToken
        return await self._store.propose(_new(proposing, token, _superseded(before)))


def _same(earlier: Proposal, proposing: _Proposing) -> Proposal:
    """Return what the same request has brought about before; it is one person's."""
    then = (earlier.subscriber, earlier.reason, earlier.proposed_by)
    if then != (proposing.subscriber, proposing.reason, proposing.caller.name):
        raise RequestIdReused
    return earlier


def _superseded(before: Before) -> Proposal | None:
    """Return the proposal that a new one takes the place of, if there is one."""
    undecided = before.undecided
    if undecided is not None and not Seen(undecided, before.token).is_over:
        raise ProposalOpen
    return undecided


def _new(proposing: _Proposing, token: HeldToken, instead_of: Proposal | None) -> NewProposal:
    return NewProposal(
        proposing.caller.tenant,
        str(uuid4()),
        proposing.request_id,
        proposing.subscriber,
        token,
        proposing.reason,
        proposing.caller.name,
        proposing.valid_for,
        instead_of,
    )
