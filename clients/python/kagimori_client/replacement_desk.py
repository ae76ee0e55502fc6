# SPDX-License-Identifier: Apache-2.0
"""The bank's staff, two of them: an exchange without a code of the old token (交換)."""

from __future__ import annotations

from typing import Final, TypeAlias
from uuid import UUID

import grpc

from kagimori_client.api.admin.v1 import admin_pb2, admin_pb2_grpc
from kagimori_client.arguments import check_texts, id_of
from kagimori_client.connection import Connection
from kagimori_client.errors import InvalidRequest
from kagimori_client.replacement_proposal import (
    ProposalState,
    ReplacementProposal,
    ReplacementReason,
    proposal_of,
)

_Propose: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "admin_pb2.ProposeReplacementRequest, admin_pb2.ProposeReplacementResponse]"
)
_Approve: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "admin_pb2.ApproveReplacementRequest, admin_pb2.ApproveReplacementResponse]"
)
_Reject: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "admin_pb2.RejectReplacementRequest, admin_pb2.RejectReplacementResponse]"
)
_List: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "admin_pb2.ListReplacementsRequest, admin_pb2.ListReplacementsResponse]"
)

_ANY: Final = frozenset(ProposalState)
_PROPOSED: Final = frozenset({ProposalState.PROPOSED})
_APPROVED: Final = frozenset({ProposalState.APPROVED})
_REJECTED: Final = frozenset({ProposalState.REJECTED})
_REASONS: Final = {
    ReplacementReason.LOST: admin_pb2.REPLACEMENT_REASON_LOST,
    ReplacementReason.STOLEN: admin_pb2.REPLACEMENT_REASON_STOLEN,
    ReplacementReason.BROKEN: admin_pb2.REPLACEMENT_REASON_BROKEN,
}


class ReplacementDesk(Connection):
    """A connection of one of the bank's staff, role ``operator``; threads may share it.

    The certificate is a person's: who proposes an exchange cannot approve it, and the
    authority's audit names both. Use it as a context manager, or `close` it.

    Everywhere ``timeout`` is in seconds and covers everything, asking again included.
    Besides what each method names, all raise `NotOffered` if the bank's tokens are not
    registered by serial numbers, `InvalidRequest`, `NotIdentified` or `NotAllowed` if
    the call is not right, and `Unavailable` or `AuthorityFault` if there is no answer;
    and `TypeError` or `ValueError` for a ``timeout`` that is not a positive number.
    """

    def _take(self, channel: grpc.Channel) -> None:
        stub = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        self._propose: _Propose = stub.ProposeReplacement
        self._approve: _Approve = stub.ApproveReplacement
        self._reject: _Reject = stub.RejectReplacement
        self._list: _List = stub.ListReplacements

    def propose(
        self,
        subscriber_ref: str,
        reason: ReplacementReason,
        *,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> ReplacementProposal:
        """Propose that a customer may have another token without a code of the old one.

        RPC: kagimori.admin.v1.AdminService/ProposeReplacement.

        ``subscriber_ref`` is the bank's own customer number, 1 to 64 characters.
        Nothing changes by it: another of the bank's staff must approve it, until
        ``approve_by``. Under the same ``request_id`` (a fresh one for None) the answer
        is the same proposal, with what has become of it: look at its ``state``.

        Raise `NoToken` if the customer has no token in use, `ProposalOpen` if another
        proposal for him is still to be decided, and `RequestIdReused`.
        """
        asked_under = id_of(request_id)
        check_texts(asked_under, subscriber_ref=subscriber_ref)
        _check_reason(reason, asked_under)
        request = admin_pb2.ProposeReplacementRequest(
            request_id=str(asked_under), subscriber_ref=subscriber_ref, reason=_REASONS[reason]
        )
        response = self._ask(self._propose, request, asked_under, timeout)
        return proposal_of(response.proposal, asked_under, expected=_ANY)

    def approve(
        self, proposal_id: UUID, subscriber_ref: str, *, timeout: float | None = None
    ) -> ReplacementProposal:
        """Approve what another of the bank's staff has proposed, for the same customer.

        RPC: kagimori.admin.v1.AdminService/ApproveReplacement.

        From then on, and until ``complete_by``, the customer can complete the exchange
        with serial number and code of the new token
        (`TokenRegistrar.complete_replacement`). The old one works until then, and is
        destroyed by it. It can be called again: the answer is the same.

        Raise `SamePerson` if the caller has proposed it; `ProposalOver` if it was
        rejected, or is too old, or the customer's token is another by now;
        `UnknownProposal` if there is none for this customer.
        """
        check_texts(None, subscriber_ref=subscriber_ref)
        request = admin_pb2.ApproveReplacementRequest(
            proposal_id=_text_of(proposal_id), subscriber_ref=subscriber_ref
        )
        response = self._ask(self._approve, request, None, timeout)
        return proposal_of(response.proposal, expected=_APPROVED, proposal_id=proposal_id)

    def reject(self, proposal_id: UUID, *, timeout: float | None = None) -> ReplacementProposal:
        """Reject a proposal; who has proposed it may do so, too.

        RPC: kagimori.admin.v1.AdminService/RejectReplacement.

        It can be called again: the answer is the same.

        Raise `ProposalOver` if it was approved, or is too old; `UnknownProposal` if
        there is none.
        """
        request = admin_pb2.RejectReplacementRequest(proposal_id=_text_of(proposal_id))
        response = self._ask(self._reject, request, None, timeout)
        return proposal_of(response.proposal, expected=_REJECTED, proposal_id=proposal_id)

    def open(self, *, timeout: float | None = None) -> list[ReplacementProposal]:
        """Return the proposals that wait for a second person: the oldest first, 100 at most.

        RPC: kagimori.admin.v1.AdminService/ListReplacements.
        """
        response = self._ask(self._list, admin_pb2.ListReplacementsRequest(), None, timeout)
        return [proposal_of(each, expected=_PROPOSED) for each in response.proposals]


def _check_reason(reason: object, request_id: UUID) -> None:
    if not isinstance(reason, ReplacementReason):
        msg = "must be a member of kagimori_client.ReplacementReason"
        raise InvalidRequest("reason", msg, request_id)


def _text_of(proposal_id: object) -> str:
    if not isinstance(proposal_id, UUID):
        msg = "must be a uuid.UUID"
        raise InvalidRequest("proposal_id", msg, None)
    return str(proposal_id)
