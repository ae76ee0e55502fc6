# SPDX-License-Identifier: Apache-2.0
"""What two of the bank's staff agree on: an exchange without a code of the old token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from kagimori_client.api.admin.v1 import admin_pb2
from kagimori_client.errors import AuthorityFault


class ReplacementReason(StrEnum):
    """Why there is no code of the old token (kagimori.admin.v1.ReplacementReason)."""

    LOST = "LOST"
    """The customer does not have it any more."""
    STOLEN = "STOLEN"
    """Somebody else may have it."""
    BROKEN = "BROKEN"
    """It shows no code any more."""

    def in_japanese(self) -> str:
        """Return the word that the bank's staff read for it."""
        return _REASONS_IN_JAPANESE[self]


class ProposalState(StrEnum):
    """What became of a proposal (kagimori.admin.v1.ProposalState)."""

    PROPOSED = "PROPOSED"
    """It waits for a second person."""
    APPROVED = "APPROVED"
    """The customer can complete the exchange, until ``complete_by``."""
    REJECTED = "REJECTED"
    """Somebody has rejected it."""
    EXPIRED = "EXPIRED"
    """Nobody has approved it in time."""

    def in_japanese(self) -> str:
        """Return the word that the bank's staff read for it."""
        return _STATES_IN_JAPANESE[self]


_REASONS_IN_JAPANESE: Final = {
    ReplacementReason.LOST: "紛失",
    ReplacementReason.STOLEN: "盗難",
    ReplacementReason.BROKEN: "故障",
}
_STATES_IN_JAPANESE: Final = {
    ProposalState.PROPOSED: "承認待ち",
    ProposalState.APPROVED: "承認済",
    ProposalState.REJECTED: "却下",
    ProposalState.EXPIRED: "期限切れ",
}


@dataclass(frozen=True, slots=True)
class ReplacementProposal:
    """One proposal (kagimori.admin.v1.ReplacementProposal). Whose token it is it does not say.

    ``serial`` is the old token's. ``proposed_by`` and ``decided_by`` are names in
    certificates; ``decided_by`` is empty while nobody has decided. Times are aware, in
    UTC: ``approve_by`` goes with PROPOSED, ``complete_by`` with APPROVED; each is None
    where it does not apply.
    """

    proposal_id: UUID
    serial: str
    reason: ReplacementReason
    state: ProposalState
    proposed_by: str
    proposed_at: datetime
    approve_by: datetime | None = None
    decided_by: str = ""
    complete_by: datetime | None = None


_REASONS: Final[dict[int, ReplacementReason]] = {
    admin_pb2.REPLACEMENT_REASON_LOST: ReplacementReason.LOST,
    admin_pb2.REPLACEMENT_REASON_STOLEN: ReplacementReason.STOLEN,
    admin_pb2.REPLACEMENT_REASON_BROKEN: ReplacementReason.BROKEN,
}
_STATES: Final[dict[int, ProposalState]] = {
    admin_pb2.PROPOSAL_STATE_PROPOSED: ProposalState.PROPOSED,
    admin_pb2.PROPOSAL_STATE_APPROVED: ProposalState.APPROVED,
    admin_pb2.PROPOSAL_STATE_REJECTED: ProposalState.REJECTED,
    admin_pb2.PROPOSAL_STATE_EXPIRED: ProposalState.EXPIRED,
}


def proposal_of(
    message: admin_pb2.ReplacementProposal,
    request_id: UUID | None = None,
    *,
    expected: frozenset[ProposalState],
    proposal_id: UUID | None = None,
) -> ReplacementProposal:
    """Return ``message`` as a value.

    Raise `AuthorityFault` for another proposal than that with ``proposal_id``, for
    words that are not known here, and for a state that is none of ``expected``: an
    answer is a yes only if it says so.
    """
    named = _uuid(message.proposal_id)
    state, reason = _STATES.get(message.state), _REASONS.get(message.reason)
    if named is None or reason is None or state is None:
        raise _not_known(request_id)
    if proposal_id not in {None, named} or state not in expected:
        raise _not_known(request_id)
    return ReplacementProposal(
        named,
        message.serial,
        reason,
        state,
        message.proposed_by,
        _moment(message.proposed_at),
        _moment(message.approve_by) if message.HasField("approve_by") else None,
        message.decided_by,
        _moment(message.complete_by) if message.HasField("complete_by") else None,
    )


def _not_known(request_id: UUID | None) -> AuthorityFault:
    return AuthorityFault("the authority's answer is not one that this client knows", request_id)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _moment(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(tzinfo=UTC)
