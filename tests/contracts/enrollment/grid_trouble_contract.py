# SPDX-License-Identifier: Apache-2.0
"""What must become of answers when something fails, over every `CardStore`.

A test module makes it its own by a subclass and a fixture ``bank``.
"""

from __future__ import annotations

from functools import partial

import pytest

from contracts.enrollment.grid_card_bench import (
    ACCEPTED,
    REQUEST,
    Died,
    Watched,
    die,
    rejected,
)
from kagimori.domain.errors import (
    ChallengeOver,
    HsmUnavailable,
    LeaseLost,
    NoGridCard,
    RecordTampered,
    RequestIdReused,
)
from support.banks.grid_cards import CALLER, CardBank
from support.tokens import SUBSCRIBER


class TroubleContract:
    """Something fails on the way."""

    def test_what_the_hsm_did_not_judge_is_given_back(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()
        before = bank.row()
        bank.fake.go_down()
        with pytest.raises(HsmUnavailable):
            bank.give_right(challenge, REQUEST)
        after = bank.row()
        changes = {"generation", "day"}
        assert {name for name in after if after[name] != before[name]} == changes
        bank.fake.come_back()
        assert bank.challenge() == challenge
        assert bank.give_right(challenge, REQUEST) == ACCEPTED

    def test_a_row_that_was_tampered_with_is_not_judged(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()
        bank.change(number="GC0000000000")
        with pytest.raises(RecordTampered):
            bank.give_right(challenge)
        assert bank.columns("failures", "answered_by") == (0, None)

    def test_a_crash_costs_one_attempt_and_no_more(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()
        bank.work_with(Watched(bank, die))
        for _ in range(2):
            with pytest.raises(Died):
                bank.give_wrong(challenge, REQUEST)
        assert bank.columns("failures", "answered_by") == (1, REQUEST)
        bank.work_with(bank.fake)
        with pytest.raises(ChallengeOver):
            bank.give_right(challenge)
        with pytest.raises(RequestIdReused):
            bank.give_right(challenge, REQUEST)
        assert bank.give_wrong(challenge, REQUEST) == rejected(4)
        assert bank.columns("failures", "day_failures", "unlock_failures") == (1, 1, 1)

    def test_where_it_was_judged_before_nothing_is_given_back(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()
        bank.work_with(Watched(bank, die))
        with pytest.raises(Died):
            bank.give_wrong(challenge, REQUEST)
        bank.work_with(bank.fake)
        bank.fake.go_down()
        with pytest.raises(HsmUnavailable):
            bank.give_wrong(challenge, REQUEST)
        assert bank.columns("failures", "answered_by") == (1, REQUEST)

    def test_after_a_crash_the_customer_is_asked_the_same_again(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()
        bank.work_with(Watched(bank, die))
        with pytest.raises(Died):
            bank.give_right(challenge, REQUEST)
        bank.work_with(bank.fake)
        after = bank.challenge()
        assert (after.pair, after == challenge) == (challenge.pair, False)
        with pytest.raises(ChallengeOver):
            bank.give_right(challenge, REQUEST)
        assert bank.give_right(after) == ACCEPTED
        assert bank.columns("unlock_failures") == (1,)

    def test_a_new_challenge_cuts_off_an_answer_that_is_being_judged(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()
        bank.work_with(Watched(bank, partial(bank.create, CALLER, SUBSCRIBER)))
        with pytest.raises(LeaseLost):
            bank.give_right(challenge, REQUEST)
        bank.work_with(bank.fake)
        assert bank.columns("failures", "outcome", "answered_by") == (1, None, None)
        assert bank.audited() == []
        assert bank.challenge().pair == challenge.pair

    def test_a_card_that_is_replaced_meanwhile_is_accepted_by_nobody(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()

        async def replace_it() -> None:
            bank.database.run(
                "UPDATE grid_cards SET state = 'REPLACED', subscriber = NULL, blob = ''"
            )

        bank.work_with(Watched(bank, replace_it))
        with pytest.raises(NoGridCard):
            bank.give_right(challenge)
        assert bank.audited() == []
