# SPDX-License-Identifier: Apache-2.0
"""What every `ProposalStore` must do for the second of two persons, also where they race."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest

from contracts.enrollment.proposal_bench import (
    APPROVER,
    DESKS,
    FAR_AWAY,
    HOURS,
    LONG_AGO,
    NEXT,
    PROPOSER,
    ROUNDS,
    THIRD,
    TOKEN_ID,
    approve,
    approved_by,
    audited,
    before,
    begin,
    decisions,
    desk_of,
    fresh_token,
    hand_out,
    line,
    listed,
    look,
    microseconds,
    proposed,
    reject,
    rejected_by,
    retire,
    row,
    rows,
    together,
    written,
)
from contracts.inventory.desk_contract import at_once
from contracts.sql_bench import SqlBench
from kagimori.application.assistance.ports import Proposal
from kagimori.application.enrollment.ports import Stale
from kagimori.domain.replacement import ProposalState
from support.tokens import SERIAL, SUBSCRIBER, TENANT


class DecideContract:
    """The second person."""

    def test_an_approval_begins_the_exchange(self, bench: SqlBench) -> None:
        made = proposed(bench)
        tokens = rows(bench, "tokens")
        approved = approve(bench, made)
        assert isinstance(approved, Proposal)
        complete_by = approved.now + HOURS
        assert approved == replace(
            made, state=ProposalState.APPROVED, decided_by=APPROVER, complete_by=complete_by
        )
        assert look(bench, made).proposal == approved
        assert rows(bench, "replacements") == [
            {
                "tenant": TENANT,
                "subscriber": SUBSCRIBER,
                "state": "BEGUN",
                "token_id": TOKEN_ID,
                "serial_before": SERIAL,
                "begun_at": microseconds(approved.now),
                "complete_by": microseconds(complete_by),
                "proposal_id": made.proposal_id,
                "request_id": None,
                "serial_after": None,
            }
        ]
        # The old token works on.
        assert rows(bench, "tokens") == tokens
        assert audited(bench)[1:] == [line(made, "APPROVE", APPROVER)]

    @pytest.mark.parametrize(
        "earlier",
        [
            {},
            {"state": "DONE", "request_id": str(uuid4()), "serial_after": "SKTS00000009"},
            {"token_id": "token-9", "proposal_id": str(uuid4())},
        ],
        ids=["begun", "done", "of-another-token"],
    )
    def test_it_takes_the_place_of_an_earlier_exchange(
        self, bench: SqlBench, earlier: dict[str, str | int]
    ) -> None:
        made = proposed(bench)
        begin(bench, **earlier)
        begin(bench, subscriber=NEXT)
        approved = approve(bench, made)
        assert isinstance(approved, Proposal)
        mine, theirs = rows(bench, "replacements")
        assert (mine["state"], mine["token_id"], mine["proposal_id"]) == (
            "BEGUN",
            TOKEN_ID,
            made.proposal_id,
        )
        assert (mine["request_id"], mine["serial_after"]) == (None, None)
        assert mine["begun_at"] == microseconds(approved.now)
        assert (theirs["subscriber"], theirs["proposal_id"]) == (NEXT, None)

    def test_who_proposed_it_does_not_approve_it(self, bench: SqlBench) -> None:
        made = proposed(bench)
        kept = written(bench)
        assert approve(bench, made, PROPOSER) == Stale()
        assert written(bench) == kept

    def test_not_even_a_program_without_the_rule_can_write_it(self, bench: SqlBench) -> None:
        made = proposed(bench)
        kept = rows(bench, "proposals")
        with pytest.raises(Exception, match="two_persons"):
            bench.change("proposals", state="APPROVED", decided_by=PROPOSER, complete_by=FAR_AWAY)
        assert rows(bench, "proposals") == kept
        bench.change("proposals", state="APPROVED", decided_by=APPROVER, complete_by=FAR_AWAY)
        assert row(bench, made)["state"] == "APPROVED"

    @pytest.mark.parametrize("reader", ["proposal", "token", "serial-of-another", "customer"])
    def test_what_is_over_is_not_approved(self, bench: SqlBench, reader: str) -> None:
        made = proposed(bench)
        if reader == "proposal":
            bench.change("proposals", approve_by=LONG_AGO)
        elif reader == "token":
            bench.change("tokens", state="BARRED")
        elif reader == "customer":
            bench.change("tokens", subscriber=NEXT)
        else:
            retire(bench, made)
            hand_out(bench, number=2)
        kept = written(bench)
        assert look(bench, made).is_over
        assert approve(bench, made) == Stale()
        assert written(bench) == kept
        assert listed(bench) == []

    def test_a_decision_stays(self, bench: SqlBench) -> None:
        held = hand_out(bench)
        for first in (approve, reject):
            made = proposed(bench, held)
            assert isinstance(first(bench, made), Proposal)
            kept = written(bench)
            for second in (approve, reject):
                assert second(bench, made, THIRD) == Stale()
            assert written(bench) == kept

    @pytest.mark.parametrize("actor", [PROPOSER, APPROVER])
    def test_anybody_rejects(self, bench: SqlBench, actor: str) -> None:
        made = proposed(bench)
        rejected = reject(bench, made, actor)
        assert rejected == replace(made, state=ProposalState.REJECTED, decided_by=actor)
        assert look(bench, made).proposal == rejected
        assert rows(bench, "replacements") == []
        assert audited(bench)[1:] == [line(made, "REJECT", actor)]

    def test_a_rejection_leaves_another_exchange_alone(self, bench: SqlBench) -> None:
        made = proposed(bench)
        begin(bench)
        kept = rows(bench, "replacements")
        reject(bench, made)
        assert rows(bench, "replacements") == kept

    def test_what_is_too_late_is_not_rejected(self, bench: SqlBench) -> None:
        made = proposed(bench)
        bench.change("proposals", approve_by=LONG_AGO)
        kept = written(bench)
        assert reject(bench, made) == Stale()
        assert written(bench) == kept

    def test_no_customer_is_in_the_audit(self, bench: SqlBench) -> None:
        held = hand_out(bench)
        for decide in (approve, reject):
            decide(bench, proposed(bench, held))
        assert SUBSCRIBER not in str([dict(each) for each in bench.rows("audit")])
        assert SUBSCRIBER not in repr(before(bench))


class RaceContract:
    """Several persons, and several desks of one person, at one moment."""

    def test_of_two_who_approve_one_does(self, bench: SqlBench) -> None:
        for _ in range(ROUNDS):
            made = proposed(bench, fresh_token(bench))
            told = together(bench, made, (approved_by, APPROVER), (approved_by, THIRD))
            (approved,) = [answer for answer in told if isinstance(answer, Proposal)]
            assert told.count(Stale()) == 1
            assert look(bench, made).proposal == approved
            (begun,) = rows(bench, "replacements")
            assert begun["proposal_id"] == made.proposal_id
            assert decisions(bench, made) == [("APPROVE", approved.decided_by)]

    def test_who_proposed_it_is_never_the_faster_one(self, bench: SqlBench) -> None:
        for _ in range(ROUNDS):
            made = proposed(bench, fresh_token(bench))
            told = together(
                bench,
                made,
                (approved_by, PROPOSER),
                (approved_by, APPROVER),
                (approved_by, PROPOSER),
            )
            assert [isinstance(answer, Proposal) for answer in told] == [False, True, False]
            assert decisions(bench, made) == [("APPROVE", APPROVER)]

    def test_one_person_twice_is_no_two_persons(self, bench: SqlBench) -> None:
        for _ in range(ROUNDS):
            made = proposed(bench, fresh_token(bench))
            told = together(bench, made, *[(approved_by, PROPOSER)] * DESKS)
            assert told == [Stale()] * DESKS
            assert decisions(bench, made) == []
            assert [each for each in rows(bench, "replacements") if each["proposal_id"]] == []

    def test_of_approval_and_rejection_one_counts(self, bench: SqlBench) -> None:
        for _ in range(ROUNDS):
            made = proposed(bench, fresh_token(bench))
            told = together(bench, made, (approved_by, APPROVER), (rejected_by, THIRD))
            (decided,) = [answer for answer in told if isinstance(answer, Proposal)]
            assert look(bench, made).proposal == decided
            begun = [each["proposal_id"] for each in rows(bench, "replacements")]
            approved = decided.state is ProposalState.APPROVED
            assert begun == ([made.proposal_id] if approved else [])
            assert len(decisions(bench, made)) == 1

    def test_a_token_that_ends_meanwhile_has_no_exchange(self, bench: SqlBench) -> None:
        for _ in range(ROUNDS):
            made = proposed(bench, fresh_token(bench))
            approving = partial(approved_by, desk_of(bench), made, APPROVER)
            told, _ = at_once([approving, partial(retire, bench, made)])
            if isinstance(told, Proposal):
                assert len(rows(bench, "replacements")) == 1
            else:
                assert told == Stale()
                assert rows(bench, "replacements") == []
                assert look(bench, made).proposal.state is ProposalState.PROPOSED
