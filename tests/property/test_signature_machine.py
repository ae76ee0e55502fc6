# SPDX-License-Identifier: Apache-2.0
"""A customer who logs in, signs and exchanges his phone, against a model of him.

The real use cases on a real database; the model knows the banks' guides only. Every
code is offered twice by one request: the second time it is answered alike and changes
nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from kagimori.application.ports import BySubscriber
from kagimori.application.signing.ports import MOST_OPEN
from kagimori.domain.errors import RequestIdReused
from kagimori.domain.transaction import Transaction
from support.lives.payer import WRONG_CODES
from support.lives.payer_lives import PayerLives
from support.lives.two_customers import Heard
from support.transactions import transfer

EXAMPLES, STEPS = 35, 45
MOST_PHONES = 7
FEWEST_STEPS = 1_000

ANY = st.integers(0, 1 << 16)
BOTH = st.booleans()
ABOUT = st.sampled_from(
    [
        Transaction((transfer(),)),
        Transaction((transfer(amount=150_001),)),
        Transaction((transfer(account_number="1234568"), transfer(payee_name="ﾔﾏﾀﾞ ﾊﾅｴ"))),
    ]
)
SHOWN = st.sampled_from(
    [
        *["right"] * 5,
        "earlier",
        "later",
        "too late",
        "wrong",
        "another's",
        "a login's",
        "an old one's",
    ]
)
LOGIN = st.sampled_from(["right", "right", "last", "wrong", "a signature's"])


class SignatureMachine(PayerLives):
    """Drives the use cases and the model alike."""

    @initialize(about=ABOUT)
    def he_is_asked_to_sign_something_and_to_log_in(self, about: Transaction) -> None:
        one = self._ask(about, is_typed=False)
        changed = Transaction((transfer(amount=149_999),))
        self._sign(one, replace(self._offer(one, "right"), about=changed))
        self._log_in("right")

    # --- 取引確認 -------------------------------------------------------------------

    @rule(about=ABOUT, is_typed=BOTH)
    def ask(self, *, about: Transaction, is_typed: bool) -> None:
        self._ask(about, is_typed=is_typed and len(about.transfers) == 1)

    @rule(about=ABOUT)
    def ask_more_often_than_can_be_open(self, about: Transaction) -> None:
        for _ in range(MOST_OPEN + 1):
            self._ask(about, is_typed=False)

    @rule(number=ANY, shown=SHOWN, helped=BOTH)
    def sign(self, *, number: int, shown: str, helped: bool) -> None:
        self._unlock(if_locked=helped)
        one = self._open(number)
        self._sign(one, self._offer(one, shown))

    @rule(number=ANY, about=ABOUT)
    def sign_one_thing_and_have_another_carried_out(self, number: int, about: Transaction) -> None:
        one = self._open(number)
        self._sign(one, replace(self._offer(one, "right"), about=about))

    @rule(number=ANY)
    def sign_what_was_asked_long_ago(self, number: int) -> None:
        one = self.payer.asked[number % len(self.payer.asked)]
        self._sign(one, self._offer(one, "right"))

    @rule(number=ANY)
    def sign_by_another_customers_name(self, number: int) -> None:
        one = self._open(number)
        self._sign(one, replace(self._offer(one, "right"), name=self.other.name))

    @rule(number=ANY)
    def sign_it_twice(self, number: int) -> None:
        self._unlock()
        one = self._open(number)
        for _ in range(2):
            self._sign(one, self._offer(one, "right"))

    @rule()
    def type_the_same_twice_in_one_moment(self) -> None:
        self._unlock()
        about = Transaction((transfer(),))
        both = [self._ask(about, is_typed=True) for _ in range(2)]
        for one in both:
            self._sign(one, self._offer(one, "right"))

    @precondition(lambda self: self.payer.phone.wrong < WRONG_CODES)
    @rule(number=ANY)
    def guess(self, number: int) -> None:
        one = self._open(number)
        for _ in range(WRONG_CODES + 1):
            self._sign(one, self._offer(one, "wrong"))
        self._log_in("right")

    @precondition(lambda self: self.judged)
    @rule(number=ANY)
    def send_an_earlier_request_again(self, number: int) -> None:
        one, offer, answer = self.judged[number % len(self.judged)]
        assert Heard.of(lambda: self.desk.sign(one.made, offer)).answer == answer
        self._saw("again", "alike")

    @precondition(lambda self: self.judged)
    @rule(number=ANY, shown=SHOWN)
    def send_something_else_by_an_earlier_request(self, number: int, shown: str) -> None:
        one, earlier, _ = self.judged[number % len(self.judged)]
        other = self.payer.asked[-1]
        offer = replace(self._offer(other, shown), request_id=earlier.request_id)
        if (other, offer) != (one, earlier):
            with pytest.raises(RequestIdReused):
                self.desk.sign(other.made, offer)

    # --- what else a phone is for -----------------------------------------------------

    @rule(shown=LOGIN, helped=BOTH)
    def log_in(self, *, shown: str, helped: bool) -> None:
        self._unlock(if_locked=helped)
        self._log_in(shown)

    @rule()
    def log_in_by_one_code_twice(self) -> None:
        self._unlock()
        for shown in ("right", "last"):
            self._log_in(shown)

    @precondition(lambda self: len(self.phones) < MOST_PHONES)
    @rule(about=ABOUT)
    def exchange_the_phone_between_question_and_answer(self, about: Transaction) -> None:
        self._unlock()
        one = self._ask(about, is_typed=False)
        self._exchange()
        for phone in (one.phone, self.payer.phone):
            offer = self._offer(one, "right")
            self._sign(one, replace(offer, code=phone.code(one.question, 0)))
            self._saw("exchanged meanwhile", one.phone is not self.payer.phone)

    @precondition(lambda self: len(self.phones) < MOST_PHONES)
    @rule()
    def exchange_the_phone(self) -> None:
        self._exchange()

    @rule()
    def unlock(self) -> None:
        subject = BySubscriber(self.payer.name)
        assert Heard.of(lambda: self.desk.unlock(subject)).told is self.payer.unlock()

    # --- time -------------------------------------------------------------------------

    @rule()
    def let_a_period_pass(self) -> None:
        self.desk.let_a_period_pass()

    @rule()
    def let_challenges_get_too_old(self) -> None:
        self.desk.let_challenges_get_too_old()
        for one in self.payer.asked:
            one.is_too_old = True


OFTEN: Final = {
    "ask": ["SCANNED", "TYPED", "batch"],
    "sign": [
        "ACCEPTED",
        "REJECTED",
        "REPLAYED",
        "LOCKED",
        "ChallengeOver",
        "TransactionChanged",
    ],
    "log in": ["ACCEPTED", "REJECTED", "REPLAYED", "LOCKED"],
    "exchange": ["ACCEPTED"],
    "exchanged meanwhile": ["True"],
}
"""What must have happened, and what came of it, else nothing was shown of that."""


# Where it fails, the shortest way there is looked for: that takes its time.
@pytest.mark.timeout(900)
def test_a_customers_signatures_are_the_models(tmp_path: Path) -> None:
    class Here(SignatureMachine):
        place = tmp_path
        seen: ClassVar[Counter[tuple[str, str]]] = Counter()

    run_state_machine_as_test(
        Here, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
    )
    assert Here.steps >= FEWEST_STEPS
    must = {(what, end) for what, ends in OFTEN.items() for end in ends}
    assert must - Here.seen.keys() == set(), Here.seen
