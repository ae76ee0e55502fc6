# SPDX-License-Identifier: Apache-2.0
"""The part of AdminService for what a bank's staff may only do in twos."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

from kagimori.api.admin.v1.admin_pb2 import (
    ApproveReplacementRequest,
    ApproveReplacementResponse,
    ListReplacementsRequest,
    ListReplacementsResponse,
    ProposalState,
    ProposeReplacementRequest,
    ProposeReplacementResponse,
    RejectReplacementRequest,
    RejectReplacementResponse,
    ReplacementProposal,
)
from kagimori.application.assistance.ports import Proposal
from kagimori.application.assistance.propose import Wish
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import NotOffered
from kagimori.transport.assistance_mapping import proposal_id_of, told_of, wish_of
from kagimori.transport.call import Call
from kagimori.transport.mapping import subscriber_ref_of, uuid_of


class Propose(Protocol):
    """The use case behind `ProposeReplacement`."""

    def __call__(self, caller: Caller, wish: Wish) -> Awaitable[Proposal]:
        """Write a proposal down; the errors are the domain's."""
        ...


class Approve(Protocol):
    """The use case behind `ApproveReplacement`."""

    def __call__(
        self, caller: Caller, proposal_id: str, subscriber_ref: str
    ) -> Awaitable[Proposal]:
        """Begin the exchange; the errors are the domain's."""
        ...


class Reject(Protocol):
    """The use case behind `RejectReplacement`."""

    def __call__(self, caller: Caller, proposal_id: str) -> Awaitable[Proposal]:
        """End a proposal; the errors are the domain's."""
        ...


class Undecided(Protocol):
    """The use case behind `ListReplacements`."""

    def __call__(self, caller: Caller) -> Awaitable[Sequence[Proposal]]:
        """Return what can be approved; the errors are the domain's."""
        ...


@dataclass(frozen=True, slots=True)
class Assistance:
    """What these RPCs ask. All are called on the event loop and must not block it."""

    propose: Propose
    approve: Approve
    reject: Reject
    listing: Undecided


def _offered_by_nobody(*_asked: object, **_named: object) -> NoReturn:
    raise NotOffered("exchanging tokens by two persons, by this process")


ASSISTS_NOBODY: Final = Assistance(
    _offered_by_nobody, _offered_by_nobody, _offered_by_nobody, _offered_by_nobody
)
"""For a process that has no database to look into."""


class AssistanceServicer:
    """Serves 交換 without a code of the old token."""

    def __init__(self, assistance: Assistance) -> None:
        """Ask ``assistance``. Tenant and person are the certificate's, always."""
        self._assistance = assistance

    async def ProposeReplacement(  # noqa: N802 - the RPC's name
        self, request: ProposeReplacementRequest, call: Call
    ) -> ProposeReplacementResponse:
        """Write down what the first person proposes."""
        call.facts["request_id"] = uuid_of(request.request_id)
        proposal = await self._assistance.propose(call.identity.caller, wish_of(request))
        return ProposeReplacementResponse(proposal=_told(proposal, call))

    async def ApproveReplacement(  # noqa: N802 - the RPC's name
        self, request: ApproveReplacementRequest, call: Call
    ) -> ApproveReplacementResponse:
        """Begin the exchange that the second person agrees to."""
        call.facts["proposal_id"] = proposal_id = proposal_id_of(request.proposal_id)
        subscriber_ref = subscriber_ref_of(request.subscriber_ref)
        proposal = await self._assistance.approve(call.identity.caller, proposal_id, subscriber_ref)
        return ApproveReplacementResponse(proposal=_told(proposal, call))

    async def RejectReplacement(  # noqa: N802 - the RPC's name
        self, request: RejectReplacementRequest, call: Call
    ) -> RejectReplacementResponse:
        """End a proposal."""
        call.facts["proposal_id"] = proposal_id = proposal_id_of(request.proposal_id)
        proposal = await self._assistance.reject(call.identity.caller, proposal_id)
        return RejectReplacementResponse(proposal=_told(proposal, call))

    async def ListReplacements(  # noqa: N802 - the RPC's name
        self, _request: ListReplacementsRequest, call: Call
    ) -> ListReplacementsResponse:
        """Tell what waits for a second person."""
        waiting = await self._assistance.listing(call.identity.caller)
        call.facts["proposals"] = len(waiting)
        return ListReplacementsResponse(proposals=[told_of(proposal) for proposal in waiting])


def _told(proposal: Proposal, call: Call) -> ReplacementProposal:
    told = told_of(proposal)
    call.facts["proposal_id"] = proposal.proposal_id
    call.facts["serial"] = proposal.serial
    call.facts["proposal"] = ProposalState.Name(told.state).removeprefix("PROPOSAL_STATE_")
    return told
