# SPDX-License-Identifier: Apache-2.0
"""What judging answers must do over every `CardStore`.

A test module makes it its own by a subclass and a fixture ``bank``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest

from contracts.enrollment.grid_card_bench import (
    ACCEPTED,
    ANSWERED,
    AT_ONCE,
    NO_MORE,
    REQUEST,
    Watched,
    at_once,
    register,
    rejected,
)
from kagimori.application.grid_cards.ports import GridVerdict
from kagimori.domain.errors import (
    ChallengeOver,
    NotLocked,
    RequestIdReused,
)
from kagimori.domain.grid_card import GridOutcome, Pair
from support.banks.grid_cards import CardBank, right, wrong


class AnswerContract:
    """What was read is judged."""

    def test_both_right_is_accepted(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()
        assert bank.give_right(challenge) == ACCEPTED
        assert bank.columns("failures", "day_failures", "unlock_failures") == (0, 0, 0)
        assert bank.audited() == [ANSWERED]

    def test_one_right_is_no_better_than_none(self, bank: CardBank) -> None:
        bank.print_card()
        bank.limit(consecutive=10)
        for left, cells in ((9, (0, "0000")), (8, ("0000", 1)), (7, ("0000", "0000"))):
            challenge = bank.challenge()
            shown = right(challenge.pair)
            first, second = (shown[cell] if isinstance(cell, int) else cell for cell in cells)
            assert bank.give(challenge, (first, second)) == rejected(left)

    def test_the_right_cells_the_wrong_way_round_are_wrong(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()
        first, second = right(challenge.pair)
        assert bank.give(challenge, (second, first)) == rejected(4)

    def test_the_last_attempt_locks(self, bank: CardBank) -> None:
        bank.print_card()
        for left in (4, 3, 2, 1):
            assert bank.give_wrong(bank.challenge()) == rejected(left)
        assert bank.give_wrong(bank.challenge()) == NO_MORE
        assert bank.columns("state", "failures") == ("LOCKED", 5)
        asked = bank.fake.answers
        assert bank.give_right(bank.challenge()) == NO_MORE
        assert bank.fake.answers == asked
        told = [outcome for _, outcome, *_ in bank.audited()]
        assert told == ["REJECTED"] * 4 + ["LOCKED"] * 2

    def test_a_right_answer_gives_back_all_but_what_the_others_spent_of_the_day(
        self, bank: CardBank
    ) -> None:
        bank.print_card()
        for _ in range(3):
            bank.give_wrong(bank.challenge())
        assert bank.give_right(bank.challenge()) == ACCEPTED
        assert bank.columns("failures", "day_failures", "unlock_failures") == (0, 3, 3)

    def test_a_day_has_its_budget_whatever_succeeds(self, bank: CardBank) -> None:
        bank.print_card()
        bank.limit(daily=3)
        for verdict in (rejected(2), rejected(1), NO_MORE):
            assert bank.give_wrong(bank.challenge()) == verdict
        assert bank.columns("state", "failures") == ("ACTIVE", 3)
        assert bank.give_right(bank.challenge()) == NO_MORE
        with pytest.raises(NotLocked):
            bank.unlocked()
        bank.change(day="2000-01-01")
        assert bank.give_right(bank.challenge()).outcome is GridOutcome.ACCEPTED
        assert bank.columns("day_failures") == (0,)

    def test_a_day_of_another_servers_that_is_ahead_brings_no_new_budget(
        self, bank: CardBank
    ) -> None:
        bank.print_card()
        bank.limit(daily=3)
        bank.change(day="2999-01-01", day_failures=2)
        assert bank.give_wrong(bank.challenge()) == NO_MORE
        assert bank.columns("day", "day_failures") == ("2999-01-01", 3)

    def test_what_nobody_judged_to_the_end_counts(self, bank: CardBank) -> None:
        bank.print_card()
        bank.change(failures=5)
        assert bank.give_right(bank.challenge()) == NO_MORE
        assert bank.columns("state") == ("LOCKED",)
        assert bank.fake.answers == 0
        bank.unlocked()
        assert bank.give_right(bank.challenge()) == ACCEPTED

    def test_an_attempt_is_spent_before_anything_is_compared(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()
        seen = []

        async def look() -> None:
            seen.append(bank.columns("failures", "day_failures", "answered_by", "outcome"))

        bank.work_with(Watched(bank, look))
        assert bank.give_right(challenge, REQUEST) == ACCEPTED
        assert seen == [(1, 1, REQUEST, None)]

    @pytest.mark.parametrize("judge", [CardBank.give_right, CardBank.give_wrong])
    def test_a_challenge_is_answered_once(
        self, bank: CardBank, judge: Callable[..., GridVerdict]
    ) -> None:
        bank.print_card()
        challenge = bank.challenge()
        judge(bank, challenge)
        before = bank.row()
        for again in (bank.give_right, bank.give_wrong):
            with pytest.raises(ChallengeOver):
                again(challenge)
        assert bank.row() == before

    def test_what_is_late_or_another_or_nobodys_is_over_and_costs_nothing(
        self, bank: CardBank
    ) -> None:
        bank.print_card()
        bank.print_card("subscriber-2", "card-2", "GC0123456780")
        old, other = bank.challenge(), bank.challenge("subscriber-2")
        bank.expire()
        before = bank.row()
        for challenge in (old, other, replace(old, challenge_id=REQUEST)):
            with pytest.raises(ChallengeOver):
                bank.give_right(challenge)
        assert bank.row() == before
        bank.challenge()
        with pytest.raises(ChallengeOver):
            bank.give_right(old)
        assert (bank.fake.answers, bank.audited()) == (0, [])

    def test_of_answers_at_once_one_is_judged(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()
        calls = [partial(bank.give_right, challenge), partial(bank.give_wrong, challenge)]
        told = Counter(at_once(calls * (AT_ONCE // 2)))
        assert told[ChallengeOver] == AT_ONCE - 1
        assert told[ACCEPTED] + told[rejected(4)] == 1
        assert (bank.fake.answers, len(bank.audited())) == (1, 1)

    def test_many_who_guess_at_once_are_compared_as_often_as_the_limit_says(
        self, bank: CardBank
    ) -> None:
        bank.print_card()

        def guess() -> GridVerdict:
            return bank.give_wrong(bank.challenge())

        for _ in range(6):
            at_once([guess] * AT_ONCE)
        assert bank.fake.answers == 5
        assert bank.columns("state", "failures") == ("LOCKED", 5)


class RequestContract:
    """The same request_id gives the same verdict."""

    @pytest.mark.parametrize("cells", [right, wrong])
    def test_the_same_request_is_told_the_same(
        self, bank: CardBank, cells: Callable[[Pair], tuple[str, str]]
    ) -> None:
        bank.print_card()
        challenge = bank.challenge()
        given = cells(challenge.pair)
        first = bank.give(challenge, given, REQUEST)
        before = bank.row()
        assert bank.give(challenge, given, REQUEST) == first
        bank.expire()
        assert bank.give(challenge, given, REQUEST) == first
        assert bank.row() == {**before, "answer_by": 1}
        assert (bank.fake.answers, len(bank.audited())) == (1, 1)

    def test_the_verdict_that_locked_is_told_again(self, bank: CardBank) -> None:
        bank.print_card()
        bank.limit(consecutive=1)
        challenge = bank.challenge()
        assert bank.give_wrong(challenge, REQUEST) == NO_MORE
        assert bank.give_wrong(challenge, REQUEST) == NO_MORE
        assert len(bank.audited()) == 1

    def test_under_the_same_request_nothing_else_is_answered(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()
        assert bank.give_wrong(challenge, REQUEST) == rejected(4)
        before = bank.row()
        other = replace(challenge, challenge_id=str(uuid4()))
        for call in (
            partial(bank.give_right, challenge, REQUEST),
            partial(bank.give_wrong, other, REQUEST),
            partial(register, bank, challenge, wrong(challenge.pair)),
        ):
            with pytest.raises(RequestIdReused):
                call()
        assert bank.row() == before

    def test_a_registration_is_told_the_same_too(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()
        given = right(challenge.pair)
        assert register(bank, challenge, given) == ACCEPTED
        assert register(bank, challenge, given) == ACCEPTED
        with pytest.raises(RequestIdReused):
            bank.give_right(challenge, REQUEST)
        assert len(bank.audited()) == 1

    def test_the_same_request_at_once_costs_one_attempt(self, bank: CardBank) -> None:
        bank.print_card()
        challenge = bank.challenge()
        told = at_once([partial(bank.give_wrong, challenge, REQUEST)] * AT_ONCE)
        assert told == [rejected(4)] * AT_ONCE
        assert bank.columns("failures", "day_failures", "unlock_failures") == (1, 1, 1)
        assert len(bank.audited()) == 1
