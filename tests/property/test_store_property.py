# SPDX-License-Identifier: Apache-2.0
"""The store against a model of it, over any order of claims, crashes and days."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from contracts.store_bench import TODAY, again, claim_all, claim_of, settle_all
from kagimori.adapters.sql.verification.store import SqlVerificationStore
from kagimori.application.ports import (
    Answered,
    Claim,
    Finding,
    Granted,
    Overslept,
    Settled,
    Settlement,
)
from kagimori.domain.outcome import Outcome
from kagimori.domain.policy import AttemptLimits
from kagimori.domain.token import NEVER, Token
from support.databases.database import AnyDatabase, PostgresqlTestDatabase, TestDatabase
from support.databases.inventory import Inventory
from support.databases.postgres import Cluster
from support.tokens import token
from support.waiting import WaitedStore

LIMITS = AttemptLimits(consecutive=3, daily=5, since_unlock=9)

FINDINGS = sorted(set(Finding) - {Finding.UNKNOWN, Finding.SIGNED})
"""About codes of one token; signatures have challenges, and a machine of their own."""


@dataclass
class Request:
    """What the model knows of a request_id."""

    lease: str
    running: bool = True
    outcome: Outcome | None = None
    resumed: bool = False


@dataclass
class Model:
    """One token, by the rules of claim and settle: nothing here is SQL."""

    state: str = "ACTIVE"
    last_step: int = NEVER
    failures: int = 0
    today: int = 0
    since_unlock: int = 0
    day: date = TODAY
    lease: str | None = None
    running: bool = False
    requests: dict[str, Request] = field(default_factory=dict)

    def claim(self, claim: Claim) -> str | Outcome:
        """Return GRANTED, HELD or the outcome of an answer."""
        known = self.requests.get(claim.request_id)
        if known and known.outcome:
            return known.outcome
        if known and known.running:
            return "HELD"
        if known and known.lease == self.lease and self.state == "ACTIVE":
            return self._hold(claim, resumed=True)
        self.requests.pop(claim.request_id, None)
        if self.state == "ACTIVE" and self.running:
            return "HELD"
        if self.state == "LOCKED" or self._exhausted():
            self.requests[claim.request_id] = Request(
                claim.lease, running=False, outcome=Outcome.LOCKED
            )
            return Outcome.LOCKED
        self.failures += 1
        self.today += 1
        self.since_unlock += 1
        return self._hold(claim)

    def settle(self, claim: Claim, finding: Finding, step: int) -> Outcome | str | None:
        """Return the outcome, None where there is none yet, or OVERSLEPT."""
        late = not self.running and finding is not Finding.NO_RESULT
        if self.lease != claim.lease or self.state != "ACTIVE" or late:
            return "OVERSLEPT"
        if finding is Finding.FRESH and step <= self.last_step:
            return "OVERSLEPT"
        resumed = self.requests[claim.request_id].resumed
        if finding is Finding.BROKEN_OFF or (finding is Finding.NO_RESULT and resumed):
            if not self.running:
                return "OVERSLEPT"
            self.expire()
            return None
        self.lease, self.running = None, False
        if finding is Finding.NO_RESULT:
            self._give_back()
            del self.requests[claim.request_id]
            return None
        outcome = self._judge(finding, step)
        self.requests[claim.request_id] = Request(claim.lease, running=False, outcome=outcome)
        return outcome

    def expire(self) -> None:
        self.running = False
        for request in self.requests.values():
            request.running = False

    def _hold(self, claim: Claim, *, resumed: bool = False) -> str:
        self.lease, self.running = claim.lease, True
        self.requests[claim.request_id] = Request(claim.lease, resumed=resumed)
        return "GRANTED"

    def _exhausted(self) -> bool:
        if self.failures >= LIMITS.consecutive or self.since_unlock >= LIMITS.since_unlock:
            self.state, self.lease = "LOCKED", None
        return self.state == "LOCKED" or self.today >= LIMITS.daily

    def _judge(self, finding: Finding, step: int) -> Outcome:
        if finding is Finding.NONE:
            return Outcome.LOCKED if self._exhausted() else Outcome.REJECTED
        self._give_back()
        if finding is Finding.SPENT:
            return Outcome.REPLAYED
        self.failures, self.last_step = 0, step
        return Outcome.ACCEPTED

    def _give_back(self) -> None:
        self.failures -= 1
        self.today = max(0, self.today - 1)
        self.since_unlock -= 1


class StoreMachine(RuleBasedStateMachine):
    """Drives store and model alike, and compares them after every step."""

    requests = Bundle("requests")
    searches = Bundle("searches")

    def __init__(self) -> None:
        super().__init__()
        self.database = self.create()
        opened = self.database.open()
        self.store = WaitedStore(SqlVerificationStore(opened))
        Inventory(opened).add([token()], "importer")
        self.model = Model()
        self.granted: dict[str, Token] = {}
        self.accepted: list[int] = []

    def create(self) -> AnyDatabase:
        """Return an empty database."""
        raise NotImplementedError

    @rule(targets=(requests, searches))
    def claim(self) -> Any:  # noqa: ANN401 - Hypothesis's own word for none
        claim = claim_of(limits=LIMITS, today=self.model.day)
        return claim if self._claim(claim) else multiple()

    @rule(target=searches, earlier=requests)
    def send_again(self, earlier: Claim) -> Any:  # noqa: ANN401 - Hypothesis's own word for none
        claim = again(earlier, today=self.model.day)
        return claim if self._claim(claim) else multiple()

    @rule(claim=searches, finding=st.sampled_from(FINDINGS))
    def settle(self, claim: Claim, finding: Finding) -> None:
        self._settle(claim, finding, self.model.last_step + 1)

    @rule(claim=searches, step=st.integers(0, 12))
    def offer(self, claim: Claim, step: int) -> None:
        self._settle(claim, Finding.FRESH, step)

    @rule()
    def let_leases_expire(self) -> None:
        self.database.run("UPDATE tokens SET lease_until = 1 WHERE lease IS NOT NULL")
        self.database.run("UPDATE requests SET lease_until = 1")
        self.model.expire()

    @rule()
    def start_anew(self) -> None:
        self.store = WaitedStore(SqlVerificationStore(self.database.open()))

    @rule()
    def sleep_until_tomorrow(self) -> None:
        self.let_leases_expire()
        self.model.day += timedelta(days=1)
        self.model.today = 0

    @invariant()
    def the_row_is_the_models(self) -> None:
        (row,) = self.database.run("SELECT * FROM tokens")
        today = row["day_failures"] if row["day"] == self.model.day.isoformat() else 0
        assert (row["state"], row["last_step"]) == (self.model.state, self.model.last_step)
        assert (row["failures"], today) == (self.model.failures, self.model.today)
        assert row["unlock_failures"] == self.model.since_unlock

    @invariant()
    def every_acceptance_is_above_the_last_and_audited(self) -> None:
        assert self.accepted == sorted(set(self.accepted))
        lines = self.database.run(
            "SELECT receipt_number FROM audit WHERE outcome = 'ACCEPTED' ORDER BY id"
        )
        assert [line["receipt_number"] for line in lines] == list(range(1, len(self.accepted) + 1))

    def teardown(self) -> None:
        self.database.close()

    def _claim(self, claim: Claim) -> bool:
        expected = self.model.claim(claim)
        (answer,) = claim_all(self.store, [claim])
        if isinstance(answer, Answered):
            assert answer.verdict.outcome == expected
        else:
            assert type(answer).__name__.upper() == expected
        if isinstance(answer, Granted):
            self.granted[claim.lease] = answer.token
        return isinstance(answer, Granted)

    def _settle(self, claim: Claim, finding: Finding, step: int) -> None:
        expected = self.model.settle(claim, finding, step)
        fresh = finding is Finding.FRESH
        granted = self.granted[claim.lease]
        settlement = Settlement(claim, granted, finding, step if fresh else None, 0)
        (answer,) = settle_all(self.store, [settlement])
        if expected == "OVERSLEPT":
            assert answer == Overslept()
            return
        assert isinstance(answer, Settled)
        assert (answer.verdict.outcome if answer.verdict else None) == expected
        if expected is Outcome.ACCEPTED:
            self.accepted.append(step)


def test_sqlite_is_the_models(tmp_path: Path) -> None:
    class OnSqlite(StoreMachine):
        def create(self) -> AnyDatabase:
            return TestDatabase(Path(tempfile.mkdtemp(dir=tmp_path)))

    run_state_machine_as_test(OnSqlite, settings=_settings(40))


def test_postgresql_is_the_models(cluster: Cluster) -> None:
    class OnPostgresql(StoreMachine):
        def create(self) -> AnyDatabase:
            return PostgresqlTestDatabase(cluster)

    run_state_machine_as_test(OnPostgresql, settings=_settings(10))


def _settings(examples: int) -> settings:
    return settings(max_examples=examples, stateful_step_count=40, deadline=None)
