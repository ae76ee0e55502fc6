# SPDX-License-Identifier: Apache-2.0
"""How tokens come into use, are barred and unlocked, and what their holders are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.enrollment.enrollment_contract import customer, issue, line, new, unlock
from contracts.sql_bench import SqlBench
from contracts.store_bench import LIMITS, ask, claim_of, granted, guess, settle, verdict
from kagimori.application.enrollment.ports import Done, Stale, Unlocking
from kagimori.application.ports import Finding, Overslept
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from support.databases.enrolling import provision
from support.tokens import SERIAL, TENANT, token
from support.waiting import waited


class ActivationContract:
    """The first code takes a token into use; too many wrong ones bar it."""

    @pytest.fixture(autouse=True)
    def _one_assigned_token(self, bench: SqlBench) -> None:
        bench.inventory.add([token(state=State.ASSIGNED)], "importer")

    def test_the_first_code_is_spent_as_by_a_login(self, bench: SqlBench) -> None:
        claim = claim_of(operation=Operation.ACTIVATION)
        found = granted(bench, claim)
        assert found.state is State.ASSIGNED
        accepted = verdict(bench, claim, found, Finding.FRESH, 7)
        assert accepted.outcome is Outcome.ACCEPTED
        assert accepted.receipt is not None
        (row,) = bench.rows("tokens")
        assert (row["state"], row["last_step"], row["generation"]) == ("ACTIVE", 7, 2)
        login = claim_of()
        assert settle(bench, login, granted(bench, login), Finding.FRESH, 7) == Overslept()

    def test_only_an_assigned_token_is_activated(self, bench: SqlBench) -> None:
        for state, expected in [
            (State.ACTIVE, Verdict(Outcome.NOT_ACTIVE)),
            (State.LOCKED, Verdict(Outcome.NOT_ACTIVE)),
            (State.BARRED, Verdict(Outcome.LOCKED, None, 0)),
        ]:
            bench.change("tokens", state=state)
            assert ask(bench, claim_of(operation=Operation.ACTIVATION)).verdict == expected  # type: ignore[union-attr]
        assert {row["failures"] for row in bench.rows("tokens")} == {0}

    @pytest.mark.parametrize("state", [State.ASSIGNED, State.BARRED])
    def test_a_token_that_was_never_activated_logs_nobody_in(
        self, bench: SqlBench, state: State
    ) -> None:
        bench.change("tokens", state=state)
        answer = ask(bench, claim_of())
        assert answer.verdict == Verdict(Outcome.NOT_ACTIVE)  # type: ignore[union-attr]

    def test_wrong_codes_bar_it_and_an_unlock_does_not_activate_it(self, bench: SqlBench) -> None:
        for _ in range(LIMITS.consecutive):
            last = guess(bench, operation=Operation.ACTIVATION)
        assert last == Verdict(Outcome.LOCKED, None, 0)
        (row,) = bench.rows("tokens")
        assert (row["state"], row["generation"]) == ("BARRED", 2)
        assert unlock(bench, State.ASSIGNED) == Done()
        (row,) = bench.rows("tokens")
        assert (row["state"], row["failures"], row["unlock_failures"]) == ("ASSIGNED", 0, 0)
        assert (row["day_failures"], row["generation"]) == (LIMITS.consecutive, 3)
        assert line(bench) == ("suzuki", "UNLOCK", "token-1", SERIAL, None)

    def test_attempts_nobody_settled_bar_it_too(self, bench: SqlBench) -> None:
        bench.change("tokens", failures=LIMITS.consecutive)
        answer = ask(bench, claim_of(operation=Operation.ACTIVATION))
        assert answer.verdict == Verdict(Outcome.LOCKED, None, 0)  # type: ignore[union-attr]
        (row,) = bench.rows("tokens")
        assert (row["state"], row["generation"]) == ("BARRED", 2)

    def test_an_activation_that_broke_off_goes_on_as_one(self, bench: SqlBench) -> None:
        claim = claim_of(operation=Operation.ACTIVATION)
        granted(bench, claim)
        bench.expire_leases()
        retry = replace(claim, lease=new(9).request_id)
        found = granted(bench, retry)
        assert [row["failures"] for row in bench.rows("tokens")] == [1]
        assert verdict(bench, retry, found, Finding.FRESH, 7).outcome is Outcome.ACCEPTED

    def test_a_login_that_broke_off_does_not_go_on_with_a_token_that_left_use(
        self, bench: SqlBench
    ) -> None:
        bench.change("tokens", state="ACTIVE")
        login = claim_of()
        granted(bench, login)
        bench.change("tokens", state="ASSIGNED", generation=2)
        bench.expire_leases()
        answer = ask(bench, replace(login, lease=new(9).request_id))
        assert answer.verdict == Verdict(Outcome.NOT_ACTIVE)  # type: ignore[union-attr]

    def test_what_is_unlocked_was_seen_locked(self, bench: SqlBench) -> None:
        bench.change("tokens", state="LOCKED")
        seen = customer(bench).token
        assert seen is not None
        bench.change("tokens", generation=2)
        unlocking = Unlocking(TENANT, seen, State.ACTIVE, None, "suzuki")
        assert waited(bench.enrollments.unlock(unlocking)) == Stale()
        assert [row["state"] for row in bench.rows("tokens")] == ["LOCKED"]
        assert unlock(bench, State.ACTIVE) == Done()


class ReplayNoticeContract:
    """A code that is offered again can be told to the holder, in the settling commit."""

    @pytest.fixture(autouse=True)
    def _one_active_software_token(self, bench: SqlBench) -> None:
        issue(bench)
        provision(bench.database, token(state=State.ACTIVE))

    @pytest.mark.parametrize("notify", [None, "center@bank.example"])
    def test_is_posted_where_it_is_wanted(self, bench: SqlBench, notify: str | None) -> None:
        claim = claim_of(notify=notify)
        replayed = verdict(bench, claim, granted(bench, claim), Finding.SPENT)
        assert replayed.outcome is Outcome.REPLAYED
        letters = [row for row in bench.rows("outbox") if row["kind"] == "REPLAYED"]
        assert len(letters) == (0 if notify is None else 1)
        for letter in letters:
            assert letter["recipient"] == "customer@mail.example"
            assert letter["message_id"] == f"<{letter['letter_id']}@bank.example>"

    def test_is_about_replays_only(self, bench: SqlBench) -> None:
        guess(bench, notify="center@bank.example")
        assert [row["kind"] for row in bench.rows("outbox")] == ["ISSUED"]
