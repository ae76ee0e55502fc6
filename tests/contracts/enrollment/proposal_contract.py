# SPDX-License-Identifier: Apache-2.0
"""What every `ProposalStore` must do for the first of two persons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest

from contracts.enrollment.proposal_bench import (
    DAY,
    DESKS,
    IN_USE,
    LONG_AGO,
    NEXT,
    NOT_IN_USE,
    PROPOSER,
    THIRD,
    TOKEN_ID,
    approve,
    audited,
    before,
    begin,
    desk_of,
    hand_out,
    line,
    listed,
    look,
    new,
    our_desk,
    propose,
    proposed,
    proposed_by,
    reject,
    retire,
    row,
    rows,
    written,
)
from contracts.inventory.desk_contract import at_once
from contracts.sql_bench import SqlBench
from kagimori.application.assistance.ports import (
    MOST_LISTED,
    Before,
    Proposal,
    Seen,
)
from kagimori.application.enrollment.ports import HeldToken, Stale
from kagimori.domain.lifecycle import State
from kagimori.domain.replacement import ProposalState, ReplacementReason
from support.tokens import OTHER_TENANT, SERIAL, SUBSCRIBER, TENANT
from support.waiting import waited


class ProposeContract:
    """The first person."""

    @pytest.mark.parametrize("state", IN_USE)
    @pytest.mark.parametrize("reason", ReplacementReason)
    def test_a_proposal_is_written_down(
        self, bench: SqlBench, state: State, reason: ReplacementReason
    ) -> None:
        wanted = new(hand_out(bench, state), reason=reason)
        made = propose(bench, wanted)
        assert isinstance(made, Proposal)
        assert made == Proposal(
            made.now,
            TENANT,
            wanted.proposal_id,
            wanted.request_id,
            SUBSCRIBER,
            TOKEN_ID,
            SERIAL,
            reason,
            ProposalState.PROPOSED,
            PROPOSER,
            made.now,
            made.now + DAY,
        )
        assert not made.is_expired
        assert look(bench, made) == Seen(made, HeldToken(TOKEN_ID, SERIAL, state, 1))
        assert audited(bench) == [line(made, "PROPOSE", PROPOSER)]

    def test_nothing_else_changes_by_it(self, bench: SqlBench) -> None:
        held = hand_out(bench)
        begin(bench)
        kept = rows(bench, "replacements"), rows(bench, "tokens")
        proposed(bench, held)
        assert (rows(bench, "replacements"), rows(bench, "tokens")) == kept

    def test_the_time_is_the_databases(self, bench: SqlBench) -> None:
        start = datetime.now(UTC) - timedelta(minutes=1)
        made = proposed(bench)
        assert start < made.proposed_at < start + timedelta(minutes=5)

    @pytest.mark.parametrize("state", NOT_IN_USE)
    def test_a_token_that_is_not_in_use_is_not_replaced(
        self, bench: SqlBench, state: State
    ) -> None:
        assert propose(bench, new(hand_out(bench, state))) == Stale()
        assert written(bench)[0] == []
        assert audited(bench) == []

    def test_nor_is_one_that_is_anothers_or_gone(self, bench: SqlBench) -> None:
        held = hand_out(bench)
        for changes in (
            {"subscriber": NEXT},
            {"tenant": OTHER_TENANT},
            {"token": replace(held, token_id="token-9")},
        ):
            assert propose(bench, new(held, **changes)) == Stale()
        assert audited(bench) == []

    def test_a_customer_has_one_undecided_proposal(self, bench: SqlBench) -> None:
        held = hand_out(bench)
        first = proposed(bench, held)
        assert propose(bench, new(held, actor=THIRD)) == Stale()
        assert [there["proposal_id"] for there in rows(bench, "proposals")] == [first.proposal_id]
        assert len(audited(bench)) == 1

    def test_other_customers_and_banks_have_their_own(self, bench: SqlBench) -> None:
        first = proposed(bench)
        second = proposed(bench, hand_out(bench, subscriber=NEXT, number=2), subscriber=NEXT)
        assert listed(bench) == [first, second]
        assert listed(bench, OTHER_TENANT) == []
        assert waited(our_desk(bench).look(OTHER_TENANT, first.proposal_id)) is None
        bench.run(f"UPDATE tokens SET tenant = '{OTHER_TENANT}'")  # noqa: S608 - our own
        theirs = new(HeldToken(TOKEN_ID, SERIAL, State.ACTIVE, 1), tenant=OTHER_TENANT)
        assert isinstance(propose(bench, replace(theirs, request_id=first.request_id)), Proposal)

    def test_once_it_is_decided_there_can_be_another(self, bench: SqlBench) -> None:
        held = hand_out(bench)
        for decide in (approve, reject):
            decide(bench, proposed(bench, held))
        proposed(bench, held)
        assert [there["state"] for there in rows(bench, "proposals")].count("PROPOSED") == 1

    def test_a_request_makes_one_proposal(self, bench: SqlBench) -> None:
        held = hand_out(bench)
        first = proposed(bench, held)
        reject(bench, first)
        assert propose(bench, new(held, request_id=first.request_id)) == Stale()
        assert len(rows(bench, "proposals")) == 1

    def test_what_there_was_before_is_told(self, bench: SqlBench) -> None:
        assert before(bench) == Before()
        held = hand_out(bench)
        assert before(bench) == Before(held)
        first = proposed(bench, held)
        assert before(bench) == Before(held, None, first)
        assert before(bench, SUBSCRIBER, first.request_id) == Before(held, first, first)
        assert before(bench, NEXT, first.request_id) == Before(None, first, None)
        approve(bench, first)
        approved = look(bench, first).proposal
        assert before(bench, SUBSCRIBER, first.request_id) == Before(held, approved, None)

    def test_one_whose_time_is_over_makes_room(self, bench: SqlBench) -> None:
        held = hand_out(bench)
        late = proposed(bench, held)
        bench.change("proposals", approve_by=LONG_AGO)
        assert look(bench, late).proposal.is_expired
        following = proposed(bench, held, actor=THIRD, instead_of=late)
        ended = row(bench, late)
        assert (ended["state"], ended["decided_by"]) == ("REJECTED", THIRD)
        assert listed(bench) == [following]
        assert audited(bench) == [
            line(late, "PROPOSE", PROPOSER),
            line(late, "REJECT", THIRD),
            line(following, "PROPOSE", THIRD),
        ]

    def test_so_does_one_whose_token_is_another_by_now(self, bench: SqlBench) -> None:
        first = proposed(bench)
        retire(bench, first)
        held = hand_out(bench, number=2)
        following = proposed(bench, held, instead_of=first)
        assert (row(bench, first)["state"], following.serial) == ("REJECTED", held.serial)

    def test_one_that_is_not_over_is_not_put_aside(self, bench: SqlBench) -> None:
        held = hand_out(bench)
        first = proposed(bench, held)
        kept = written(bench)
        assert propose(bench, new(held, instead_of=first)) == Stale()
        assert written(bench) == kept

    def test_nothing_is_put_aside_for_what_is_not_proposed(self, bench: SqlBench) -> None:
        held = hand_out(bench)
        late = proposed(bench, held)
        bench.change("proposals", approve_by=LONG_AGO)
        kept = written(bench)
        assert propose(bench, new(replace(held, token_id="no-token"), instead_of=late)) == Stale()
        assert written(bench) == kept

    def test_of_persons_at_once_one_proposes(self, bench: SqlBench) -> None:
        held = hand_out(bench)
        wanted = [new(held, actor=f"person-{number}") for number in range(DESKS)]
        told = at_once(partial(proposed_by, desk_of(bench), each) for each in wanted)
        (made,) = [answer for answer in told if isinstance(answer, Proposal)]
        assert told.count(Stale()) == DESKS - 1
        assert listed(bench) == [made]
        assert audited(bench) == [line(made, "PROPOSE", made.proposed_by)]

    def test_of_the_same_request_at_once_one_is_written(self, bench: SqlBench) -> None:
        held, request_id = hand_out(bench), str(uuid4())
        wanted = [new(held, request_id=request_id) for _ in range(DESKS)]
        told = at_once(partial(proposed_by, desk_of(bench), each) for each in wanted)
        assert told.count(Stale()) == DESKS - 1
        assert len(rows(bench, "proposals")) == 1


class ListContract:
    """What waits for a second person."""

    def test_the_oldest_come_first_and_not_too_many(self, bench: SqlBench) -> None:
        for number in range(2, MOST_LISTED + 4):
            name = f"customer-{number}"
            held = hand_out(bench, subscriber=name, number=number)
            proposed(bench, held, subscriber=name)
        # Neither the order of the names nor that of the rows.
        bench.run("UPDATE proposals SET proposed_at = 1000000 - length(subscriber)")
        bench.run("UPDATE proposals SET proposed_at = 1 WHERE subscriber = 'customer-57'")
        told = listed(bench)
        assert len(told) == MOST_LISTED
        assert told[0].subscriber == "customer-57"
        ages = [(each.proposed_at, each.proposal_id) for each in told]
        assert ages == sorted(ages)

    def test_what_was_decided_is_not_in_it(self, bench: SqlBench) -> None:
        held = hand_out(bench)
        for decide in (approve, reject):
            decide(bench, proposed(bench, held))
        assert listed(bench) == []
        assert proposed(bench, held) in listed(bench)
