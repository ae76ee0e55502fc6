# SPDX-License-Identifier: Apache-2.0
"""What two persons of a bank hear: an exchange proposed, approved and rejected, and refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from kagimori.adapters.sql.enrollment.proposals import SqlProposals
from kagimori.application.assistance.decide import ApproveReplacement
from kagimori.application.assistance.ports import Approval, Proposal
from kagimori.application.assistance.propose import Wish
from kagimori.application.enrollment.ports import Stale
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import (
    AuthorityError,
    NotIdentified,
    NotOffered,
    NoToken,
    ProposalOpen,
    ProposalOver,
    RequestIdReused,
    SamePerson,
    TokenBusy,
    UnknownProposal,
)
from kagimori.domain.lifecycle import State
from kagimori.domain.replacement import ProposalState, ReplacementReason
from kagimori.domain.tenant import SubscriberNames
from support.banks.branch import HOUR, LONG_AGO, NEXT, SUZUKI, TANAKA, YAMADA, Branch
from support.databases.database import TestDatabase
from support.tokens import OTHER_TENANT, SERIAL, SUBSCRIBER, TENANT
from support.waiting import waited


@pytest.fixture
def branch(tmp_path: Path) -> Iterator[Branch]:
    database = TestDatabase(tmp_path)
    yield Branch(database)
    database.close()


def refused(branch: Branch, error: type[AuthorityError], ask: Callable[[], object]) -> None:
    """See it refused, with nothing changed."""
    before = branch.rows()
    with pytest.raises(error) as raised:
        ask()
    assert raised.type is error
    assert branch.rows() == before


# --- two persons ----------------------------------------------------------------


@pytest.mark.parametrize("state", [State.ACTIVE, State.LOCKED])
def test_one_person_proposes_and_another_approves(branch: Branch, state: State) -> None:
    branch.hand_out(state)
    made = branch.propose()
    assert (made.state, made.serial, made.proposed_by) == (ProposalState.PROPOSED, SERIAL, "suzuki")
    assert branch.listing() == [made]
    assert branch.replacements() == []
    approved = branch.approve(made)
    assert (approved.state, approved.decided_by) == (ProposalState.APPROVED, "tanaka")
    assert branch.listing() == []
    (begun,) = branch.replacements()
    assert (begun["state"], begun["proposal_id"]) == ("BEGUN", made.proposal_id)
    # The tenant's hours, of each kind.
    (row,) = branch.database.run("SELECT * FROM proposals")
    assert row["approve_by"] - row["proposed_at"] == 3 * HOUR
    assert (
        begun["complete_by"] - begun["begun_at"]
        == 5 * HOUR
        == (row["complete_by"] - begun["begun_at"])
    )


def test_one_person_is_not_two(branch: Branch) -> None:
    branch.hand_out()
    made = branch.propose()
    refused(branch, SamePerson, lambda: branch.approve(made, SUZUKI))
    branch.approve(made)
    # Nor does he hear that another has approved it.
    refused(branch, SamePerson, lambda: branch.approve(made, SUZUKI))


def test_a_name_is_a_persons_within_his_bank(branch: Branch) -> None:
    branch.hand_out()
    made = branch.propose()
    stranger = Caller(OTHER_TENANT, "suzuki")
    for who in (stranger, Caller(OTHER_TENANT, "tanaka")):
        refused(branch, UnknownProposal, partial(branch.approve, made, who))
        refused(branch, UnknownProposal, partial(branch.reject, made, who))
        assert branch.listing(who) == []
    branch.approve(made)


def test_a_decision_can_be_sent_again_and_is_not_made_anew(branch: Branch) -> None:
    branch.hand_out()
    made = branch.propose()
    approved = branch.approve(made)
    after = branch.rows()
    assert branch.approve(made) == approved
    # Whoever else agrees hears who was before him.
    assert branch.approve(made, YAMADA) == approved
    assert branch.rows() == after
    refused(branch, ProposalOver, lambda: branch.reject(made))


def test_an_approval_sent_again_does_not_begin_what_has_ended(branch: Branch) -> None:
    branch.hand_out()
    made = branch.propose()
    approved = branch.approve(made)
    branch.database.run("DELETE FROM replacements")
    branch.database.run("UPDATE tokens SET state = 'RETURNED', subscriber = NULL")
    assert branch.approve(made) == approved
    assert branch.replacements() == []


@pytest.mark.parametrize("who", [SUZUKI, TANAKA], ids=["proposer", "another"])
def test_anybody_rejects_it(branch: Branch, who: Caller) -> None:
    branch.hand_out()
    made = branch.propose()
    rejected = branch.reject(made, who)
    assert (rejected.state, rejected.decided_by) == (ProposalState.REJECTED, who.name)
    after = branch.rows()
    assert branch.reject(made, YAMADA) == rejected
    assert branch.rows() == after
    refused(branch, ProposalOver, lambda: branch.approve(made, YAMADA))
    assert branch.replacements() == []


# --- what cannot be proposed ----------------------------------------------------


@pytest.mark.parametrize("state", [State.ASSIGNED, State.BARRED])
def test_who_has_no_token_in_use_gets_no_other_one(branch: Branch, state: State) -> None:
    refused(branch, NoToken, branch.propose)
    branch.hand_out(state)
    refused(branch, NoToken, branch.propose)
    refused(branch, NoToken, lambda: branch.propose(subscriber=NEXT))


def test_the_same_request_is_the_same_proposal(branch: Branch) -> None:
    branch.hand_out()
    request_id = str(uuid4())
    made = branch.propose(request_id=request_id)
    assert branch.propose(request_id=request_id) == made
    rejected = branch.reject(made)
    assert branch.propose(request_id=request_id) == rejected
    # Also where he has no token any more.
    branch.database.run("UPDATE tokens SET state = 'RETURNED', subscriber = NULL")
    after = branch.rows()
    assert branch.propose(request_id=request_id) == rejected
    assert branch.rows() == after


def test_a_request_is_not_used_for_anything_else(branch: Branch) -> None:
    branch.hand_out()
    branch.hand_out(token_id="token-2", serial="2V0716016FK3", subscriber=NEXT)
    used = str(uuid4())
    branch.propose(request_id=used)
    refused(branch, RequestIdReused, lambda: branch.propose(subscriber=NEXT, request_id=used))
    broken = ReplacementReason.BROKEN
    refused(branch, RequestIdReused, lambda: branch.propose(reason=broken, request_id=used))
    refused(branch, RequestIdReused, lambda: branch.propose(TANAKA, request_id=used))


def test_one_proposal_is_decided_before_the_next(branch: Branch) -> None:
    branch.hand_out()
    branch.propose()
    for who in (SUZUKI, TANAKA):
        refused(branch, ProposalOpen, partial(branch.propose, who))


def test_what_nobody_decided_in_time_is_over(branch: Branch) -> None:
    branch.hand_out()
    made = branch.propose()
    branch.database.run("UPDATE proposals SET approve_by = ?", LONG_AGO)
    assert branch.listing() == []
    refused(branch, ProposalOver, lambda: branch.approve(made))
    refused(branch, ProposalOver, lambda: branch.reject(made))
    refused(branch, SamePerson, lambda: branch.approve(made, SUZUKI))
    again = branch.propose(request_id=made.request_id)
    assert again.is_expired
    following = branch.propose(TANAKA)
    refused(branch, ProposalOver, lambda: branch.approve(made, YAMADA))
    assert branch.listing() == [following]
    # Who proposed the first one may approve the second.
    assert branch.approve(following, SUZUKI).decided_by == "suzuki"


def test_a_proposal_is_about_one_token(branch: Branch) -> None:
    branch.hand_out()
    made = branch.propose()
    branch.database.run("UPDATE tokens SET state = 'RETURNED', subscriber = NULL")
    refused(branch, ProposalOver, lambda: branch.approve(made))
    refused(branch, NoToken, branch.propose)
    branch.hand_out(token_id="token-2", serial="2V0716016FK3")
    refused(branch, ProposalOver, lambda: branch.approve(made))
    assert branch.listing() == []
    following = branch.propose()
    assert following.serial == "2V0716016FK3"
    assert branch.approve(following).state is ProposalState.APPROVED


def test_another_customer_than_named_is_no_proposal(branch: Branch) -> None:
    branch.hand_out()
    made = branch.propose()
    refused(branch, UnknownProposal, lambda: branch.approve(made, subscriber=NEXT))
    refused(branch, UnknownProposal, lambda: branch.approve(made, SUZUKI, NEXT))
    nobodys = replace(made, proposal_id=str(uuid4()))
    refused(branch, UnknownProposal, lambda: branch.approve(nobodys))
    refused(branch, UnknownProposal, lambda: branch.reject(nobodys))


# --- the bank's rules -----------------------------------------------------------


def every_call(branch: Branch, made: Proposal) -> list[Callable[[], object]]:
    return [
        branch.propose,
        lambda: branch.propose(request_id=made.request_id),
        lambda: branch.approve(made),
        lambda: branch.reject(made),
        branch.listing,
    ]


def test_a_bank_without_exchanges_has_none_by_two_persons(branch: Branch) -> None:
    branch.hand_out()
    made = branch.propose()
    branch.policies[TENANT] = replace(branch.policies[TENANT], registration=None)
    for call in every_call(branch, made):
        refused(branch, NotOffered, call)
    del branch.policies[TENANT]
    for call in every_call(branch, made):
        refused(branch, NotIdentified, call)


def test_a_customers_number_may_be_kept_as_a_digest(branch: Branch) -> None:
    branch.policies[TENANT] = replace(
        branch.policies[TENANT], subscriber_names=SubscriberNames.HMAC
    )
    branch.hand_out()
    made = branch.propose()
    refused(branch, UnknownProposal, lambda: branch.approve(made, subscriber=NEXT))
    branch.approve(made)
    (begun,) = branch.replacements()
    assert begun["subscriber"] == branch.name(SUBSCRIBER)
    assert SUBSCRIBER not in str(branch.rows())


def test_no_customer_is_in_a_repr(branch: Branch) -> None:
    branch.hand_out()
    made = branch.propose()
    told = (made, Wish("r", SUBSCRIBER, ReplacementReason.LOST), Approval(made, "x", None))  # type: ignore[arg-type]
    assert SUBSCRIBER not in repr(told)
    assert SUBSCRIBER not in str(branch.database.run("SELECT * FROM audit"))


# --- others at the same moment --------------------------------------------------


def test_what_others_did_meanwhile_is_read_again(branch: Branch) -> None:
    branch.hand_out()
    made = branch.propose()
    store = branch.store

    class Slow(SqlProposals):
        """Between reading and writing somebody else approves."""

        async def approve(self, approval: Approval) -> Proposal | Stale:
            await store.approve(replace(approval, actor="yamada"))
            return await super().approve(approval)

    slow = Slow(branch.database.open())
    approve = ApproveReplacement(slow, branch.vault, branch.policies)
    approved = waited(approve(TANAKA, made.proposal_id, SUBSCRIBER))
    assert approved.decided_by == "yamada"
    assert len(branch.replacements()) == 1


def test_who_never_gets_a_turn_is_told_to_come_again(branch: Branch) -> None:
    branch.hand_out()
    made = branch.propose()

    class Unlucky(SqlProposals):
        """Somebody is always faster."""

        async def approve(self, approval: Approval) -> Proposal | Stale:
            del approval
            await asyncio.sleep(0)
            return Stale()

    unlucky = Unlucky(branch.database.open())
    approve = ApproveReplacement(unlucky, branch.vault, branch.policies)
    with pytest.raises(TokenBusy):
        waited(approve(TANAKA, made.proposal_id, SUBSCRIBER))
