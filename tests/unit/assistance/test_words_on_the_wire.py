# SPDX-License-Identifier: Apache-2.0
"""Proposals on the wire: which words are taken, what is told, and what a client believes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from kagimori.api.admin.v1 import admin_pb2 as pb
from kagimori.application.assistance.ports import Proposal
from kagimori.application.assistance.propose import Wish
from kagimori.domain.errors import InvalidField
from kagimori.domain.replacement import ProposalState, ReplacementReason
from kagimori.transport.assistance_mapping import proposal_id_of, told_of, wish_of
from kagimori_client import AuthorityFault, replacement_proposal
from kagimori_client.api.admin.v1 import admin_pb2 as client_pb

REF = "customer-4711"
ID = "0192b3c4-5d6e-7f80-9123-456789abcdef"
PROPOSAL_ID = "0192b3c4-5d6e-7f80-9123-456789abcd00"
NIL = "00000000-0000-0000-0000-000000000000"
AT = datetime(2003, 7, 16, 1, 35, 25, 123456, tzinfo=UTC)
DAY = timedelta(days=1)
ANY = frozenset(replacement_proposal.ProposalState)


def asked(**changes: Any) -> pb.ProposeReplacementRequest:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "request_id": ID,
        "subscriber_ref": REF,
        "reason": pb.REPLACEMENT_REASON_STOLEN,
        **changes,
    }
    return pb.ProposeReplacementRequest(**fields)


def proposal(now: datetime = AT, **changes: Any) -> Proposal:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "tenant": "20160003",
        "proposal_id": PROPOSAL_ID,
        "request_id": ID,
        "subscriber": REF,
        "token_id": "token-1",
        "serial": "2V0716016FK2",
        "reason": ReplacementReason.LOST,
        "state": ProposalState.PROPOSED,
        "proposed_by": "suzuki",
        "proposed_at": AT,
        "approve_by": AT + DAY,
        **changes,
    }
    return Proposal(now, **fields)


# --- what is asked --------------------------------------------------------------


@pytest.mark.parametrize("reason", ReplacementReason)
def test_a_wish_is_read(reason: ReplacementReason) -> None:
    number = pb.ReplacementReason.Value(f"REPLACEMENT_REASON_{reason}")
    assert wish_of(asked(reason=number)) == Wish(ID, REF, reason)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"request_id": ""}, "request_id"),
        ({"request_id": ID.upper()}, "request_id"),
        ({"request_id": NIL}, "request_id"),
        ({"subscriber_ref": ""}, "subscriber_ref"),
        ({"subscriber_ref": "x" * 65}, "subscriber_ref"),
        ({"subscriber_ref": "customer\n4711"}, "subscriber_ref"),
        ({"reason": 0}, "reason"),
        ({"reason": 4}, "reason"),
    ],
    ids=[
        "no-id",
        "upper-case-id",
        "nil-id",
        "no-customer",
        "long-customer",
        "two-lines",
        "no-reason",
        "new-reason",
    ],
)
def test_a_wrong_field_is_named_and_not_quoted(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as raised:
        wish_of(asked(**changed))
    assert raised.value.field == field
    for text in changed.values():
        assert not isinstance(text, str) or not text or text not in str(raised.value)


@pytest.mark.parametrize("text", ["", "7", NIL, PROPOSAL_ID.upper(), f"{PROPOSAL_ID}\n"])
def test_a_proposal_is_named_by_a_uuid(text: str) -> None:
    assert proposal_id_of(PROPOSAL_ID) == PROPOSAL_ID
    with pytest.raises(InvalidField) as raised:
        proposal_id_of(text)
    assert raised.value.field == "proposal_id"


# --- what is told ---------------------------------------------------------------


def test_a_proposal_that_waits_is_told_with_its_time() -> None:
    told = told_of(proposal())
    assert told == pb.ReplacementProposal(
        proposal_id=PROPOSAL_ID,
        serial="2V0716016FK2",
        reason=pb.REPLACEMENT_REASON_LOST,
        state=pb.PROPOSAL_STATE_PROPOSED,
        proposed_by="suzuki",
        proposed_at=AT,
        approve_by=AT + DAY,
    )
    assert REF not in str(told)


def test_one_that_nobody_decided_has_expired() -> None:
    late = told_of(proposal(AT + DAY + timedelta(microseconds=1)))
    assert late.state == pb.PROPOSAL_STATE_EXPIRED
    assert not late.HasField("approve_by")
    assert told_of(proposal(AT + DAY)).state == pb.PROPOSAL_STATE_PROPOSED


@pytest.mark.parametrize("now", [AT, AT + 2 * DAY], ids=["at-once", "later"])
def test_a_decision_does_not_expire(now: datetime) -> None:
    decided = {"decided_by": "tanaka", "complete_by": AT + DAY}
    approved = told_of(proposal(now, state=ProposalState.APPROVED, **decided))
    assert approved.state == pb.PROPOSAL_STATE_APPROVED
    assert approved.decided_by == "tanaka"
    assert approved.complete_by.ToDatetime(tzinfo=UTC) == AT + DAY
    assert not approved.HasField("approve_by")
    rejected = told_of(proposal(now, state=ProposalState.REJECTED, decided_by="tanaka"))
    assert rejected.state == pb.PROPOSAL_STATE_REJECTED
    assert not rejected.HasField("complete_by")


# --- what a client believes -----------------------------------------------------


def as_client(told: pb.ReplacementProposal) -> client_pb.ReplacementProposal:
    return client_pb.ReplacementProposal.FromString(told.SerializeToString())


def test_a_client_has_it_as_a_value() -> None:
    decided: dict[str, Any] = {"decided_by": "tanaka", "complete_by": AT + DAY}
    told = as_client(told_of(proposal(state=ProposalState.APPROVED, **decided)))
    expected = frozenset({replacement_proposal.ProposalState.APPROVED})
    mine = replacement_proposal.proposal_of(told, expected=expected, proposal_id=UUID(PROPOSAL_ID))
    assert mine == replacement_proposal.ReplacementProposal(
        UUID(PROPOSAL_ID),
        "2V0716016FK2",
        replacement_proposal.ReplacementReason.LOST,
        replacement_proposal.ProposalState.APPROVED,
        "suzuki",
        AT,
        None,
        "tanaka",
        AT + DAY,
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told.Clear(),
        lambda told: setattr(told, "proposal_id", "7"),
        lambda told: setattr(told, "state", 0),
        lambda told: setattr(told, "state", 9),
        lambda told: setattr(told, "reason", 0),
        lambda told: setattr(told, "reason", 9),
    ],
    ids=["empty", "no-uuid", "no-state", "new-state", "no-reason", "new-reason"],
)
def test_an_answer_that_says_nothing_is_no_yes(
    spoil: Callable[[client_pb.ReplacementProposal], None],
) -> None:
    told, request_id = as_client(told_of(proposal())), uuid4()
    spoil(told)
    with pytest.raises(AuthorityFault) as raised:
        replacement_proposal.proposal_of(told, request_id, expected=ANY)
    assert raised.value.request_id == request_id


def test_nor_is_one_about_another_proposal_or_of_another_state() -> None:
    told = as_client(told_of(proposal()))
    with pytest.raises(AuthorityFault):
        replacement_proposal.proposal_of(told, expected=ANY, proposal_id=uuid4())
    approved = frozenset({replacement_proposal.ProposalState.APPROVED})
    with pytest.raises(AuthorityFault):
        replacement_proposal.proposal_of(told, expected=approved)


def test_the_staff_read_japanese() -> None:
    words = [word.in_japanese() for word in replacement_proposal.ProposalState]
    assert words == ["承認待ち", "承認済", "却下", "期限切れ"]
    reasons = [word.in_japanese() for word in replacement_proposal.ReplacementReason]
    assert reasons == ["紛失", "盗難", "故障"]
