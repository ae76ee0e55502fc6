# SPDX-License-Identifier: Apache-2.0
"""A customer's whole life against a model of it, by the real use cases on a real database."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kagimori.application.enrollment.requirement import Needs, Requirement
from kagimori.domain.errors import (
    AlreadyActive,
    LiveToken,
    NotLocked,
    NotNow,
    NoToken,
    NotProvisioned,
    ReissueTooEarly,
)
from kagimori.domain.outcome import Outcome
from support.banks.bank import Bank
from support.banks.desk import LIMITS, Desk
from support.databases.database import TestDatabase

T = TypeVar("T")

EXAMPLES, STEPS = 60, 40
WRONG = "000000"

HAS_TOKEN = frozenset({"PROVISIONED", "BARRED", "ACTIVE", "LOCKED"})
NOT_ACTIVATED = {
    "NOT_REGISTERED": NoToken,
    "RELEASED": NoToken,
    "VOID": NoToken,
    "ISSUED": NotProvisioned,
    "ACTIVE": AlreadyActive,
    "LOCKED": AlreadyActive,
}


@dataclass
class Model:
    """Where the customer is, in words of the guides: nothing here is a table of ours."""

    status: str = "NOT_REGISTERED"
    wrong: int = 0
    counter: int = 0
    released_today: bool = False
    letters: int = 0

    def issue(self) -> type[NotNow] | None:
        if self.status == "ISSUED" or self.status in HAS_TOKEN:
            return LiveToken
        if self.status == "RELEASED" and self.released_today:
            return ReissueTooEarly
        self.status = "ISSUED"
        self.letters += 1
        return None

    def offer(self, *, right: bool, locked: str) -> Outcome:
        if right:
            self.wrong, self.counter = 0, self.counter + 1
            return Outcome.ACCEPTED
        self.wrong += 1
        if self.wrong < LIMITS.consecutive:
            return Outcome.REJECTED
        self.status = locked
        return Outcome.LOCKED


class EnrollmentMachine(RuleBasedStateMachine):
    """Drives the use cases and the model alike, and compares them after every step."""

    place: Path
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.database = TestDatabase(Path(tempfile.mkdtemp(dir=self.place)))
        self.bank = Bank(self.database)
        self.desk = Desk(self.bank)
        self.model = Model()
        self.request_id = ""

    def teardown(self) -> None:
        self.desk.close()
        self.bank.close()
        self.database.close()

    @rule()
    def issue(self) -> None:
        self.request_id = str(uuid4())
        expected = self.model.issue()
        told = self._told(lambda: self.desk.issue(self.request_id), expected)
        assert told is None or told.status == "ISSUED"

    @precondition(lambda self: self.request_id)
    @rule()
    def issue_by_the_same_request(self) -> None:
        if self.model.status == "ISSUED":
            # Whether it was issued by this request or refused for it.
            before = self.desk.status()
            mine = self.desk.run("SELECT request_id FROM enrollments")[0]["request_id"]
            expected = None if mine == self.request_id else LiveToken
            told = self._told(lambda: self.desk.issue(self.request_id), expected)
            assert told is None or told == before
            return
        self._told(lambda: self.desk.issue(self.request_id), self.model.issue())

    @precondition(lambda self: self.model.status == "ISSUED")
    @rule()
    def provision(self) -> None:
        self.desk.provision()
        self.model.status, self.model.wrong, self.model.counter = "PROVISIONED", 0, 0

    @precondition(lambda self: self.model.status == "ISSUED")
    @rule()
    def void(self) -> None:
        self.desk.void()
        self.model.status = "VOID"

    @precondition(lambda self: self.model.status == "ISSUED")
    @rule()
    def let_the_deadline_pass(self) -> None:
        self.desk.let_the_deadline_pass()
        self.model.status = "VOID"

    @rule()
    def activate(self) -> None:
        self._activate(right=True)

    @rule()
    def activate_wrongly(self) -> None:
        self._activate(right=False)

    @rule()
    def log_in(self) -> None:
        self._log_in(right=True)

    @rule()
    def log_in_wrongly(self) -> None:
        self._log_in(right=False)

    @precondition(lambda self: self.model.status == "ACTIVE")
    @rule()
    def log_in_with_the_last_code(self) -> None:
        code = self.desk.code(self.model.counter - 1)
        assert self.desk.log_in(code) is Outcome.REPLAYED

    @rule()
    def deregister(self) -> None:
        if self.model.status == "RELEASED":
            assert self.desk.deregister() == self.desk.status()
            return
        ended = self.model.status == "ISSUED" or self.model.status in HAS_TOKEN
        told = self._told(self.desk.deregister, None if ended else NoToken)
        if told is not None:
            self.model.status, self.model.released_today = "RELEASED", True
            assert told == self.desk.status()

    @rule()
    def unlock(self) -> None:
        unlocked = {"BARRED": "PROVISIONED", "LOCKED": "ACTIVE"}.get(self.model.status)
        refusal = NotLocked if self.model.status in HAS_TOKEN else NoToken
        self._told(self.desk.unlock, None if unlocked else refusal)
        if unlocked:
            self.model.status, self.model.wrong = unlocked, 0

    @rule()
    def sleep_until_tomorrow(self) -> None:
        self.desk.sleep_until_tomorrow()
        self.model.released_today = False

    @invariant()
    def the_customer_is_where_the_model_says(self) -> None:
        type(self).steps += 1
        standing = self.desk.status()
        assert standing.status == self.model.status
        assert bool(standing.serial) == (self.model.status in HAS_TOKEN)
        in_use = self.model.status in {"ACTIVE", "LOCKED"}
        requirement = self.desk.requirement()
        needs = Needs.OTP if in_use else Needs.NONE
        assert requirement == Requirement(needs, in_use)

    @invariant()
    def there_is_one_live_token_at_most_and_no_seed_of_any_other(self) -> None:
        rows = self.desk.run("SELECT state, subscriber, blob FROM tokens")
        live = [row for row in rows if row["state"] != "RETIRED"]
        assert len(live) == (self.model.status in HAS_TOKEN)
        assert all(not row["blob"] for row in rows if row not in live)

    @invariant()
    def there_is_one_letter_for_each_issue(self) -> None:
        assert len(self.desk.run("SELECT * FROM outbox")) == self.model.letters

    def _activate(self, *, right: bool) -> None:
        status, has_app = self.model.status, bool(self.desk.seeds)
        code = self.desk.code(self.model.counter) if right and has_app else WRONG
        if status == "BARRED":
            assert self.desk.activate(code).outcome is Outcome.LOCKED
            return
        verdict = self._told(lambda: self.desk.activate(code), NOT_ACTIVATED.get(status))
        if verdict is not None:
            expected = self.model.offer(right=right, locked="BARRED")
            assert verdict.outcome is expected
            if expected is Outcome.ACCEPTED:
                self.model.status = "ACTIVE"

    def _log_in(self, *, right: bool) -> None:
        code = self.desk.code(self.model.counter) if right and self.desk.seeds else WRONG
        expected = {
            "PROVISIONED": Outcome.NOT_ACTIVE,
            "BARRED": Outcome.NOT_ACTIVE,
            "LOCKED": Outcome.LOCKED,
        }.get(self.model.status, Outcome.UNKNOWN_TOKEN)
        if self.model.status == "ACTIVE":
            expected = self.model.offer(right=right, locked="LOCKED")
        assert self.desk.log_in(code) is expected

    def _told(self, ask: Callable[[], T], refusal: type[NotNow] | None) -> T | None:
        if refusal is None:
            return ask()
        with pytest.raises(refusal):
            ask()
        return None


def test_a_customer_s_life_is_the_model_s(tmp_path: Path) -> None:
    class Here(EnrollmentMachine):
        place = tmp_path

    run_state_machine_as_test(
        Here, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
    )
    assert Here.steps >= 2_000
