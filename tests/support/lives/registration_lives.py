# SPDX-License-Identifier: Apache-2.0
"""Two customers and what always holds of them, for a machine that lives their lives."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar, Final

from hypothesis.stateful import RuleBasedStateMachine, invariant

from kagimori.application.enrollment.requirement import Needs, Requirement
from kagimori.application.enrollment.standing import Standing
from kagimori.domain.lifecycle import Status
from kagimori.domain.policy import Operation
from support.banks.register_desk import RegisterDesk
from support.banks.registering import bank_of
from support.databases.database import TestDatabase
from support.lives.serial_lives import DAILY_TRIES, Customer, Place, Thing
from support.lives.two_customers import TwoCustomers

ROWS: Final = {
    Place.SHELF: "IN_STOCK",
    Place.RETURNED: "RETURNED",
    Place.GONE: "RETIRED",
    Place.ELSEWHERE: "IN_STOCK",
}


class RegistrationLives(RuleBasedStateMachine):
    """Compares the use cases and the model after every step; ``steps`` counts them."""

    place: Path
    steps = 0
    seen: ClassVar[Counter[tuple[str, str]]]

    def __init__(self) -> None:
        super().__init__()
        self.database = TestDatabase(Path(tempfile.mkdtemp(dir=self.place)))
        self.bank = bank_of(self.database)
        self.desk = RegisterDesk(self.bank)
        self.two = TwoCustomers(self.desk, self.seen)
        self.rows: dict[str, dict[str, Any]] = {}

    def teardown(self) -> None:
        self.bank.close()
        self.database.close()

    @invariant()
    def every_customer_is_where_the_model_says(self) -> None:
        type(self).steps += 1
        for customer in self.two.customers:
            token = customer.token
            chosen = None if token is None else customer.login_otp
            serial = "" if token is None else token.serial
            standing = Standing(Status(customer.status), serial=serial, login_otp=chosen)
            assert self.desk.status(customer.name) == standing
            asked = {Operation.LOGIN: customer.login_otp, Operation.TRANSFER: token is not None}
            for operation, is_asked in asked.items():
                needs = Needs.OTP if is_asked else Needs.NONE
                told = self.desk.needs(customer.name, operation)
                # What signs is the app: its second seed is made for nothing else.
                can_sign = token is not None and token.device.is_app
                assert told == Requirement(needs, token is not None, can_sign=can_sign)
            assert self.desk.tries_of(customer.name) == customer.tries
            assert self.desk.has_chosen(customer.name) is customer.login_otp

    @invariant()
    def every_token_is_one_persons_at_most_and_what_is_spent_stays_spent(self) -> None:
        rows = {row["serial"]: dict(row) for row in self.desk.run("SELECT * FROM tokens")}
        holders = [row["subscriber"] for row in rows.values() if row["subscriber"] is not None]
        assert len(holders) == len(set(holders))
        there = [thing for thing in self.two.things if thing.place is not Place.NOWHERE]
        assert rows.keys() == {thing.serial for thing in there}
        for thing in there:
            row, before = rows[thing.serial], self.rows.get(thing.serial)
            assert before is None or row["last_step"] >= before["last_step"]
            assert (row["state"], row["subscriber"]) == self._row_of(thing)
            assert (row["last_step"], row["failures"]) == (thing.last, thing.wrong)
            assert bool(row["blob"]) == (thing.place is not Place.GONE)
            if before is None or row["generation"] != before["generation"]:
                assert thing.place is Place.GONE or self.desk.is_vouched_for(thing.serial)
        self.rows = rows

    @invariant()
    def an_apps_second_seed_lives_as_long_as_its_first(self) -> None:
        apps = [thing for thing in self.two.things if thing.device.is_app]
        alive = sum(thing.place is not Place.GONE for thing in apps)
        assert len(self.desk.run("SELECT token_id FROM signing_seeds")) == alive

    # --- parts of steps -----------------------------------------------------------

    def _sleep(self) -> None:
        self.desk.sleep_until_tomorrow()
        for customer in self.two.customers:
            customer.tries = 0

    def _agree(self, customer: Customer) -> None:
        """Let two of the staff agree on an exchange, as far as they can."""
        self.two.propose(customer, "suzuki")
        if self.two.proposals:
            self.two.approve(-1, "tanaka")

    def _help(self, customer: Customer) -> None:
        """Let nothing be in a customer's way but what he does."""
        if customer.token is not None and customer.token.is_locked:
            self.two.unlock(customer.token)
        if customer.tries >= DAILY_TRIES:
            self._sleep()

    # --- who and which ------------------------------------------------------------

    def _anybody(self, number: int) -> Customer:
        return self.two.customers[number % 2]

    def _seeker(self, number: int) -> Customer:
        """Return one who has no token, or anybody."""
        seekers = [each for each in self.two.customers if each.token is None]
        return seekers[number % len(seekers)] if seekers else self._anybody(number)

    def _holder(self, number: int) -> Customer:
        """Return one who has a token, usually."""
        holders = [each for each in self.two.customers if each.token is not None]
        return holders[number % len(holders)] if holders else self._anybody(number)

    def _own(self, customer: Customer) -> Thing:
        return customer.token or self.two.things[0]

    def _thing(self, number: int) -> Thing:
        return self.two.things[number % len(self.two.things)]

    def _typed(self, thing: Thing, shown: str, other: Thing | None = None) -> str:
        if shown == "right":
            self.two.wait_for(thing)
        return self.two.code_of(thing, shown, other)

    def _row_of(self, thing: Thing) -> tuple[str, str | None]:
        if thing.place is not Place.CUSTOMER:
            return ROWS[thing.place], None
        (holder,) = [each.name for each in self.two.customers if each.token is thing]
        return ("LOCKED" if thing.is_locked else "ACTIVE"), holder
