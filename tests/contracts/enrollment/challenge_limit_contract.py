# SPDX-License-Identifier: Apache-2.0
"""How many challenges every `ChallengeStore` keeps, and whom a store knows to be able to sign.

A test module makes it its own by a subclass and a fixture ``bank``.
"""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import pytest

from contracts.enrollment.challenge_bench import AT_ONCE, MINUTE, SECOND, SigningBank, ids
from contracts.enrollment.challenge_contract import NEXT, asked_apart, assert_over
from contracts.enrollment.grid_card_bench import at_once
from kagimori.application.ports import BySerial, BySubscriber
from kagimori.application.signing.create import MadeChallenge
from kagimori.application.signing.ports import MOST_OPEN
from kagimori.application.verification.verify import Caller
from kagimori.domain.lifecycle import NOBODYS, State
from support.tokens import OTHER_TENANT, SUBSCRIBER, TENANT
from support.waiting import PATIENCE, waited

KEPT = 10 * MINUTE
PRUNED = 4


class ManyContract:
    """Nobody fills the table."""

    def test_beyond_the_most_a_customers_oldest_end(self, bank: SigningBank) -> None:
        bank.enrol()
        requests = [str(uuid4()) for _ in range(MOST_OPEN + 3)]
        made = [bank.ask(request_id) for request_id in requests]
        assert bank.kept() == set(ids(made)[3:])
        assert [bank.ask(request_id) for request_id in requests[3:]] == made[3:]

    def test_what_is_over_does_not_count(self, bank: SigningBank) -> None:
        bank.enrol()
        used = ids([bank.ask() for _ in range(MOST_OPEN)])
        bank.use_up(*used)
        late = ids([bank.ask() for _ in range(MOST_OPEN)])
        bank.age(5 * MINUTE)
        present = ids([bank.ask() for _ in range(MOST_OPEN)])
        assert bank.kept() == {*used, *late, *present}
        bank.ask()
        assert bank.kept() >= {*used, *late, *present[1:]}
        assert present[0] not in bank.kept()

    def test_another_customers_are_his(self, bank: SigningBank) -> None:
        bank.enrol()
        bank.enrol(2)
        bank.enrol(1, tenant=OTHER_TENANT)
        others = [
            bank.ask(subscriber=NEXT),
            bank.ask(caller=Caller(OTHER_TENANT, "internet-banking")),
        ]
        for _ in range(MOST_OPEN + 1):
            bank.ask()
        assert bank.kept() >= set(ids(others))

    def test_many_at_once_are_all_made_and_the_next_ends_the_oldest(
        self, bank: SigningBank
    ) -> None:
        bank.enrol()
        early = ids([bank.ask() for _ in range(MOST_OPEN - AT_ONCE)])
        told = at_once([partial(asked_apart, bank, str(uuid4())) for _ in range(AT_ONCE)])
        made = [each for each in told if isinstance(each, MadeChallenge)]
        assert len(made) == AT_ONCE
        assert bank.kept() == {*early, *ids(made)}
        last = ids([bank.ask()])
        assert bank.kept() == {*early[1:], *ids(made), *last}

    def test_old_ones_are_forgotten_a_few_at_a_time(self, bank: SigningBank) -> None:
        bank.enrol()
        old = ids([bank.ask() for _ in range(2 * PRUNED)])
        bank.use_up(*old[:PRUNED])
        bank.age(5 * MINUTE + KEPT)
        for left in (PRUNED, 0, 0):
            bank.ask()
            assert len(bank.kept() & set(old)) == left

    def test_one_is_kept_as_long_as_its_answers_are_told(self, bank: SigningBank) -> None:
        bank.enrol()
        request_id = str(uuid4())
        young = ids([bank.ask(request_id)])
        bank.age(5 * MINUTE + KEPT - int(PATIENCE) * SECOND)
        bank.ask()
        assert bank.kept() >= set(young)
        assert_over(bank, request_id)

    def test_a_request_that_is_forgotten_is_a_new_one(self, bank: SigningBank) -> None:
        bank.enrol()
        request_id = str(uuid4())
        first = bank.ask(request_id)
        bank.age(5 * MINUTE + KEPT)
        bank.ask()
        assert bank.ask(request_id).challenge.challenge_id != first.challenge.challenge_id


class CanSignContract:
    """A customer is told to be able to sign if his token has the seed for it."""

    @pytest.mark.parametrize("signs", [True, False])
    @pytest.mark.parametrize("state", sorted(set(State) - NOBODYS))
    def test_it_is_the_tokens_second_seed_that_says_it(
        self, bank: SigningBank, state: State, *, signs: bool
    ) -> None:
        bank.enrol(state=state, signs=signs)
        bank.enrol(2, signs=not signs)
        bank.enrol(1, signs=not signs, tenant=OTHER_TENANT)
        for subject in (BySubscriber(SUBSCRIBER), BySerial("KG0000000001")):
            found = waited(bank.enrollments.customer(TENANT, subject)).token
            assert found is not None
            assert (found.state, found.can_sign) == (state, signs)
