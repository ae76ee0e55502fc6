# SPDX-License-Identifier: Apache-2.0
"""Two customers' whole lives with tokens by serial number, against a model of them.

The real use cases on a real database; the model knows the banks' guides only. Every
request is sent twice: the second one must be answered alike and change nothing.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import ClassVar, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from kagimori.domain.errors import RequestIdReused
from kagimori.domain.policy import Operation
from support.lives.registration_lives import RegistrationLives
from support.lives.serial_lives import DAILY_TRIES, WRONG_CODES, Place, Thing
from support.lives.two_customers import NO_TRY_LEFT, Heard

EXAMPLES, STEPS = 55, 50
MOST_THINGS = 12
SWEPT_AT_ONCE = 4
"""Tokens of apps that end, where their time is over, with each new one."""

ANY = st.integers(0, 1 << 16)
BOTH = st.booleans()
SHOWN = st.sampled_from(
    [
        *["right"] * 4,
        "after presses in vain",
        "after too many presses",
        "last",
        "earlier",
        "wrong",
        "another's",
    ]
)
OPERATIONS = st.sampled_from([Operation.LOGIN, Operation.TRANSFER, Operation.BILL_PAYMENT])
PERSONS = st.sampled_from(["suzuki", "tanaka"])


class RegistrationMachine(RegistrationLives):
    """Drives the use cases and the model alike."""

    @initialize(thing=ANY, login_otp=BOTH)
    def one_of_them_has_a_token(self, *, thing: int, login_otp: bool) -> None:
        self.register_what_is_to_be_had(any_of_them=0, thing=thing, login_otp=login_otp)

    # --- 利用開始, and what it is for -------------------------------------------------

    @rule(any_of_them=ANY, thing=ANY, shown=SHOWN, login_otp=BOTH)
    def register(self, *, any_of_them: int, thing: int, shown: str, login_otp: bool) -> None:
        named = self._thing(thing)
        code = self._typed(named, shown)
        self.two.register(self._anybody(any_of_them), named, code, login_otp=login_otp)

    @rule(any_of_them=ANY, thing=ANY, login_otp=BOTH)
    def register_what_is_to_be_had(self, *, any_of_them: int, thing: int, login_otp: bool) -> None:
        there = self.two.to_be_had(thing)
        if there is not None:
            code = self._typed(there, "right")
            self.two.register(self._seeker(any_of_them), there, code, login_otp=login_otp)

    @rule(any_of_them=ANY, thing=ANY)
    def register_by_a_code_that_somebody_spent(self, *, any_of_them: int, thing: int) -> None:
        spent = [each for each in self.two.things if each.place is Place.RETURNED]
        if spent:
            named = spent[thing % len(spent)]
            code = self.two.code_of(named, "last")
            self.two.register(self._seeker(any_of_them), named, code)

    @rule(any_of_them=ANY, thing=ANY)
    def guess_a_tokens_code(self, *, any_of_them: int, thing: int) -> None:
        there = self.two.to_be_had(thing)
        for _ in range(WRONG_CODES + 1 if there else 0):
            assert there is not None
            self.two.register(self._seeker(any_of_them), there, self._typed(there, "wrong"))

    @rule(any_of_them=ANY)
    def guess_serial_numbers(self, *, any_of_them: int) -> None:
        seeker = self._seeker(any_of_them)
        unknown = next(each for each in self.two.things if each.place is Place.NOWHERE)
        for _ in range(DAILY_TRIES + 1):
            self.two.register(seeker, unknown, self._typed(unknown, "right"))

    @rule(any_of_them=ANY, shown=SHOWN, operation=OPERATIONS)
    def log_in_or_pay(self, *, any_of_them: int, shown: str, operation: Operation) -> None:
        customer = self._holder(any_of_them)
        self.two.use(customer, self._typed(self._own(customer), shown), operation)

    @precondition(lambda self: not any(each.is_locked for each in self.two.things))
    @rule(any_of_them=ANY)
    def guess_at_logging_in(self, *, any_of_them: int) -> None:
        customer = self._holder(any_of_them)
        for _ in range(WRONG_CODES + 1):
            self.two.use(customer, self._typed(self._own(customer), "wrong"), Operation.LOGIN)

    @rule(any_of_them=ANY, login_otp=BOTH)
    def choose(self, *, any_of_them: int, login_otp: bool) -> None:
        customer = self._anybody(any_of_them)
        told = Heard.of(lambda: self.desk.choose_for(customer.name, login_otp=login_otp)).told
        assert told is customer.choose(login_otp=login_otp)

    @rule(any_of_them=ANY, shown=SHOWN)
    def terminate(self, *, any_of_them: int, shown: str) -> None:
        customer = self._holder(any_of_them)
        self.two.terminate(customer, self._typed(self._own(customer), shown))

    # --- 交換 -----------------------------------------------------------------------

    @rule(any_of_them=ANY, shown=SHOWN)
    def begin_a_replacement(self, *, any_of_them: int, shown: str) -> None:
        customer = self._holder(any_of_them)
        self.two.begin(customer, self._typed(self._own(customer), shown))

    @rule(any_of_them=ANY, thing=ANY, shown=SHOWN)
    def complete_a_replacement(self, *, any_of_them: int, thing: int, shown: str) -> None:
        customer, named = self._anybody(any_of_them), self._thing(thing)
        self.two.complete(customer, named, self._typed(named, shown, customer.token))

    @rule(any_of_them=ANY, thing=ANY, shown=SHOWN)
    def replace_by_what_is_to_be_had(self, *, any_of_them: int, thing: int, shown: str) -> None:
        customer, there = self._holder(any_of_them), self.two.to_be_had(thing)
        if there is not None:
            self._help(customer)
            self.two.begin(customer, self._typed(self._own(customer), "right"))
            self.two.complete(customer, there, self._typed(there, shown, customer.token))

    @rule(any_of_them=ANY, thing=ANY, assisted=BOTH)
    def come_too_late(self, *, any_of_them: int, thing: int, assisted: bool) -> None:
        customer, there = self._holder(any_of_them), self.two.to_be_had(thing)
        if there is not None:
            self._help(customer)
            if assisted:
                self._agree(customer)
            else:
                self.two.begin(customer, self._typed(self._own(customer), "right"))
            self.two.let_the_exchange_take_too_long(customer)
            self.two.complete(customer, there, self._typed(there, "right"))

    @rule(any_of_them=ANY)
    def exchange_a_token_for_itself(self, *, any_of_them: int) -> None:
        customer = self._holder(any_of_them)
        self._help(customer)
        own = self._own(customer)
        self.two.begin(customer, self._typed(own, "right"))
        self.two.complete(customer, own, self._typed(own, "right"))

    @rule(any_of_them=ANY, thing=ANY)
    def end_it_in_the_middle_of_an_exchange(self, *, any_of_them: int, thing: int) -> None:
        customer, there = self._holder(any_of_them), self.two.to_be_had(thing)
        if there is not None:
            self._help(customer)
            self.two.begin(customer, self._typed(self._own(customer), "right"))
            self.two.terminate(customer, self._typed(self._own(customer), "right"))
            self.two.complete(customer, there, self._typed(there, "right"))

    @rule(any_of_them=ANY, thing=ANY)
    def complete_what_was_agreed_on(self, *, any_of_them: int, thing: int) -> None:
        customer, there = self._holder(any_of_them), self.two.to_be_had(thing)
        if there is not None:
            self._help(customer)
            self._agree(customer)
            self.two.complete(customer, there, self._typed(there, "right"))

    # --- the bank's staff ---------------------------------------------------------

    @rule(thing=ANY)
    def unlock(self, *, thing: int) -> None:
        self.two.unlock(self._thing(thing))

    @rule(thing=ANY)
    def unlock_what_is_locked(self, *, thing: int) -> None:
        locked = [each for each in self.two.things if each.is_locked]
        if locked:
            self.two.unlock(locked[thing % len(locked)])

    @rule(any_of_them=ANY, person=PERSONS)
    def propose(self, *, any_of_them: int, person: str) -> None:
        self.two.propose(self._anybody(any_of_them), person)

    @precondition(lambda self: self.two.proposals)
    @rule(number=ANY, person=PERSONS)
    def approve(self, *, number: int, person: str) -> None:
        self.two.approve(number, person)

    @precondition(lambda self: self.two.proposals)
    @rule(number=ANY, person=PERSONS)
    def reject(self, *, number: int, person: str) -> None:
        self.two.reject(number, person)

    # --- once more ----------------------------------------------------------------

    @precondition(lambda self: self.two.judged)
    @rule(number=ANY)
    def send_an_earlier_request_again(self, *, number: int) -> None:
        self.two.send_again(number)

    @precondition(lambda self: any(wish.what == "register" for wish, *_ in self.two.judged))
    @rule(number=ANY, thing=ANY)
    def register_another_token_by_an_earlier_request(self, *, number: int, thing: int) -> None:
        wishes = [wish for wish, *_ in self.two.judged if wish.what == "register"]
        wish, other = wishes[number % len(wishes)], self._thing(thing)
        # A code that no token shows yet.
        code = other.device.code(max(other.device.codes))
        with pytest.raises(RequestIdReused):
            self.desk.register(code, other.serial, wish.customer.name, wish.request_id)

    # --- time ---------------------------------------------------------------------

    @precondition(lambda self: len(self.two.things) < MOST_THINGS)
    @rule()
    def set_an_app_up(self) -> None:
        self.two.things.append(Thing(self.two.new_app()))
        for thing in self.two.forgotten():
            thing.place = Place.GONE

    @precondition(lambda self: len(self.two.forgotten()) < SWEPT_AT_ONCE)
    @rule(thing=ANY)
    def let_a_token_in_stock_get_too_old(self, *, thing: int) -> None:
        there = self.two.to_be_had(thing)
        if there is not None:
            self.desk.let_the_time_pass_of(there.serial)
            there.is_too_old = True

    @rule()
    def let_a_period_pass(self) -> None:
        self.desk.let_a_period_pass()

    @rule()
    def sleep_until_tomorrow(self) -> None:
        self._sleep()

    @rule(any_of_them=ANY)
    def let_an_exchange_take_too_long(self, *, any_of_them: int) -> None:
        self.two.let_the_exchange_take_too_long(self._anybody(any_of_them))

    @rule()
    def let_proposals_wait_too_long(self) -> None:
        self.desk.let_proposals_wait_too_long()
        for _, proposed in self.two.proposals:
            proposed.is_too_old = proposed.is_too_old or not proposed.decided

    @rule()
    def let_every_token_show_a_code(self) -> None:
        for thing in self.two.things:
            self.two.show_to_a_channel(thing)


OFTEN: Final[dict[str, list[str]]] = {
    "register": ["ACCEPTED", "REJECTED", "LOCKED", "UNKNOWN_TOKEN", "LiveToken", NO_TRY_LEFT],
    "use": ["ACCEPTED", "REJECTED"],
    "begin": ["ACCEPTED"],
    "complete": ["ACCEPTED", "ReplacementNotBegun", "ReplacementExpired", "SameToken"],
    "terminate": ["ACCEPTED"],
    "approve": ["done"],
    "exchanged by a code": [],
    "exchanged assisted": [],
    "again": [],
}
"""What must have happened, and what came of it, else nothing was shown of that."""


# Where it fails, the shortest way there is looked for: that takes its time.
@pytest.mark.timeout(900)
def test_two_customers_lives_are_the_models(tmp_path: Path) -> None:
    class Here(RegistrationMachine):
        place = tmp_path
        seen: ClassVar[Counter[tuple[str, str]]] = Counter()

    run_state_machine_as_test(
        Here, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
    )
    assert Here.steps >= 2_000
    must = {(what, str(end)) for what, ends in OFTEN.items() for end in ends}
    assert must - Here.seen.keys() == set()
    assert OFTEN.keys() - {what for what, _ in Here.seen} == set()
