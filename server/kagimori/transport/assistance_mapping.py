# SPDX-License-Identifier: Apache-2.0
"""Between the words of 交換 by two persons and the application's.

A field is named by its proto name, and no message quotes what was in it.
"""

from __future__ import annotations

from typing import Final

from kagimori.api.admin.v1 import admin_pb2
from kagimori.application.assistance.ports import Proposal
from kagimori.application.assistance.propose import Wish
from kagimori.domain.errors import InvalidField
from kagimori.domain.replacement import ProposalState, ReplacementReason
from kagimori.transport.mapping import subscriber_ref_of, timestamp_of, uuid_of

_REASONS: Final = {
    admin_pb2.REPLACEMENT_REASON_LOST: ReplacementReason.LOST,
    admin_pb2.REPLACEMENT_REASON_STOLEN: ReplacementReason.STOLEN,
    admin_pb2.REPLACEMENT_REASON_BROKEN: ReplacementReason.BROKEN,
}
_TOLD_REASONS: Final = {reason: number for number, reason in _REASONS.items()}
_STATES: Final = {
    ProposalState.PROPOSED: admin_pb2.PROPOSAL_STATE_PROPOSED,
    ProposalState.APPROVED: admin_pb2.PROPOSAL_STATE_APPROVED,
    ProposalState.REJECTED: admin_pb2.PROPOSAL_STATE_REJECTED,
}


def wish_of(request: admin_pb2.ProposeReplacementRequest) -> Wish:
    """Return what is proposed, or raise `InvalidField` for the first wrong field."""
    return Wish(
        uuid_of(request.request_id),
        subscriber_ref_of(request.subscriber_ref),
        _reason(request.reason),
    )


def proposal_id_of(text: str) -> str:
    """Return a proposal_id that can be one, or raise `InvalidField`."""
    try:
        return uuid_of(text)
    except InvalidField as wrong:
        raise InvalidField("proposal_id", wrong.description) from None


def state_of(proposal: Proposal) -> admin_pb2.ProposalState:
    """Return what became of ``proposal`` in the words of the API."""
    if proposal.is_expired:
        return admin_pb2.PROPOSAL_STATE_EXPIRED
    return _STATES[proposal.state]


def told_of(proposal: Proposal) -> admin_pb2.ReplacementProposal:
    """Return ``proposal`` in the words of the API, which do not name the customer."""
    state = state_of(proposal)
    waits = state == admin_pb2.PROPOSAL_STATE_PROPOSED
    return admin_pb2.ReplacementProposal(
        proposal_id=proposal.proposal_id,
        serial=proposal.serial,
        reason=_TOLD_REASONS[proposal.reason],
        state=state,
        proposed_by=proposal.proposed_by,
        proposed_at=timestamp_of(proposal.proposed_at),
        approve_by=timestamp_of(proposal.approve_by) if waits else None,
        decided_by=proposal.decided_by or "",
        complete_by=timestamp_of(proposal.complete_by),
    )


def _reason(number: admin_pb2.ReplacementReason) -> ReplacementReason:
    try:
        return _REASONS[number]
    except KeyError:
        raise InvalidField("reason", "must be LOST, STOLEN or BROKEN") from None
