# SPDX-License-Identifier: Apache-2.0
"""What asking for a card's positions must do over every `CardStore`.

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
    AT_ONCE,
    MINUTE,
    NO_MORE,
    SECOND,
    at_once,
)
from kagimori.adapters.sql.times import moment
from kagimori.application.grid_cards.ports import GridAnswer
from kagimori.domain.errors import (
    ChallengeOver,
    HsmUnavailable,
    NoGridCard,
    NotLocked,
    NotOffered,
)
from kagimori.domain.grid_card import PAIRS, Cells, GridOutcome
from kagimori.domain.tenant import Registration, SubscriberNames
from support.banks.grid_cards import CALLER, CARD, NUMBER, CardBank
from support.tokens import OTHER_TENANT, SUBSCRIBER, TENANT
from support.waiting import PATIENCE, waited


class ChallengeContract:
    """Two positions are asked for."""

    def test_the_open_challenge_is_asked_again(self, bank: CardBank) -> None:
        bank.print_card()
        first = bank.challenge()
        assert first.pair in PAIRS
        assert [bank.challenge() for _ in range(5)] == [first] * 5

    def test_it_waits_as_long_as_the_tenant_says(self, bank: CardBank) -> None:
        bank.print_card()
        bank.policies[TENANT] = replace(
            bank.policies[TENANT], registration=Registration(grid_card=True, grid_minutes=7)
        )
        challenge = bank.challenge()
        printed, answer_by = bank.columns("printed_at", "answer_by")
        assert 7 * MINUTE <= answer_by - printed < 7 * MINUTE + PATIENCE * SECOND
        assert moment(answer_by) == challenge.answer_by

    @pytest.mark.parametrize("end", [CardBank.expire, CardBank.give_wrong], ids=["late", "wrong"])
    def test_without_a_right_answer_the_same_two_are_asked_again(
        self, bank: CardBank, end: Callable[..., object]
    ) -> None:
        bank.print_card()
        first = bank.challenge()
        end(bank) if end is CardBank.expire else end(bank, first)
        second = bank.challenge()
        assert second.pair == first.pair
        assert second.challenge_id != first.challenge_id

    def test_after_a_right_answer_others_are_asked(self, bank: CardBank) -> None:
        bank.print_card()
        before = bank.challenge()
        for _ in range(60):
            assert bank.give_right(before) == ACCEPTED
            after = bank.challenge()
            assert after.pair != before.pair
            before = after

    def test_whoever_asks_a_thousand_times_moves_nothing(self, bank: CardBank) -> None:
        bank.print_card()
        bank.limit(consecutive=5, daily=1000, since_unlock=1000)
        known = bank.challenge().pair
        for turn in range(1000):
            challenge = bank.challenge()
            assert challenge.pair == known
            if turn % 10 == 0:
                bank.expire()
            elif turn % 10 == 5:
                verdict = bank.give_wrong(challenge)
                if verdict.outcome is GridOutcome.LOCKED:
                    bank.unlocked()
            elif turn % 100 == 7:
                bank.fake.go_down()
                with pytest.raises(HsmUnavailable):
                    bank.give_right(challenge)
                bank.fake.come_back()

    def test_of_many_that_ask_at_once_all_get_one_challenge(self, bank: CardBank) -> None:
        bank.print_card()
        told = at_once([bank.challenge] * AT_ONCE)
        assert len(set(told)) == 1
        assert told[0] == bank.challenge()

    def test_a_locked_card_is_asked_like_any_other(self, bank: CardBank) -> None:
        bank.print_card()
        pair = bank.challenge().pair
        bank.change(state="LOCKED")
        bank.expire()
        challenge = bank.challenge()
        assert challenge.pair == pair
        assert bank.give_right(challenge) == NO_MORE

    def test_who_has_no_card_is_asked_nothing(self, bank: CardBank) -> None:
        bank.print_card()
        for call in (partial(bank.challenge, "subscriber-2"), partial(bank.unlocked, "stranger")):
            with pytest.raises(NoGridCard):
                call()
        answer = GridAnswer(str(uuid4()), Cells("0000", "0000"))
        with pytest.raises(NoGridCard):
            waited(bank.verify(CALLER, str(uuid4()), "subscriber-2", answer))

    def test_another_banks_customer_of_that_number_is_another(self, bank: CardBank) -> None:
        bank.print_card()
        with pytest.raises(NoGridCard):
            waited(bank.create(replace(CALLER, tenant=OTHER_TENANT), SUBSCRIBER))

    @pytest.mark.parametrize("registration", [None, Registration()], ids=["none", "no cards"])
    def test_a_bank_without_cards_is_refused(
        self, bank: CardBank, registration: Registration | None
    ) -> None:
        bank.print_card()
        challenge = bank.challenge()
        bank.policies[TENANT] = replace(bank.policies[TENANT], registration=registration)
        before = bank.row()
        for call in (bank.challenge, partial(bank.give_right, challenge), bank.unlocked):
            with pytest.raises(NotOffered, match="grid cards"):
                call()
        assert bank.row() == before

    def test_a_replaced_card_is_nobodys(self, bank: CardBank) -> None:
        bank.print_card()
        old = bank.challenge()
        bank.database.run(
            "UPDATE grid_cards SET state = 'REPLACED', subscriber = NULL, blob = ''"
            ", generation = generation + 1"
        )
        bank.print_card(card_id="card-2", number="GC0123456780")
        with pytest.raises(ChallengeOver):
            bank.give_right(old)
        assert bank.give_right(bank.challenge()) == ACCEPTED

    def test_numbers_that_are_kept_as_digests_are_found(self, bank: CardBank) -> None:
        bank.policies[TENANT] = replace(
            bank.policies[TENANT], subscriber_names=SubscriberNames.HMAC
        )
        with pytest.raises(NoGridCard):
            bank.challenge()
        digest = bank.fake.fingerprint(TENANT, b"name " + SUBSCRIBER.encode()).hex()
        bank.print_card(subscriber=digest)
        assert bank.give_right(bank.challenge()) == ACCEPTED


class UnlockContract:
    """The bank's staff give attempts back."""

    def test_a_locked_card_is_unlocked_but_for_the_day(self, bank: CardBank) -> None:
        bank.print_card()
        for _ in range(5):
            challenge = bank.challenge()
            bank.give_wrong(challenge)
        bank.unlocked()
        assert bank.columns("state", "failures", "unlock_failures") == ("ACTIVE", 0, 0)
        assert bank.columns("day_failures") == (5,)
        assert bank.audited()[-1] == ("UNLOCK_CARD", None, CALLER.name, CARD, NUMBER)
        after = bank.challenge()
        assert after.pair == challenge.pair
        assert bank.give_right(after) == ACCEPTED

    def test_one_that_is_not_locked_is_left_alone(self, bank: CardBank) -> None:
        bank.print_card()
        bank.give_wrong(bank.challenge())
        before = bank.row()
        with pytest.raises(NotLocked):
            bank.unlocked()
        assert bank.row() == before

    def test_of_many_at_once_one_unlocks(self, bank: CardBank) -> None:
        bank.print_card()
        bank.change(state="LOCKED", failures=5)
        told = Counter(at_once([bank.unlocked] * AT_ONCE))
        assert told == {None: 1, NotLocked: AT_ONCE - 1}
        assert len(bank.audited()) == 1
