# SPDX-License-Identifier: Apache-2.0
"""How a `VerificationStore` keeps the three limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.store_bench import (
    LIMITS,
    TODAY,
    TOMORROW,
    Bench,
    again,
    answered,
    ask,
    attempts,
    claim_of,
    granted,
    guess,
    succeed,
    token_row,
)
from kagimori.application.ports import (
    BySerial,
    Held,
)
from kagimori.domain.outcome import Outcome, Verdict
from support.tokens import SERIAL, token


class LimitContract:
    """No more guesses than the three limits allow."""

    @pytest.fixture(autouse=True)
    def _one_active_token(self, bench: Bench) -> None:
        bench.inventory.add([token()], "importer")

    def test_locks_at_the_limit(self, bench: Bench) -> None:
        outcomes = [guess(bench) for _ in range(LIMITS.consecutive)]
        assert [(answer.outcome, answer.attempts_left) for answer in outcomes] == [
            (Outcome.REJECTED, 4),
            (Outcome.REJECTED, 3),
            (Outcome.REJECTED, 2),
            (Outcome.REJECTED, 1),
            (Outcome.LOCKED, 0),
        ]
        assert token_row(bench)["state"] == "LOCKED"
        assert token_row(bench)["generation"] == 2
        claim = claim_of()
        assert answered(bench, claim) == Verdict(Outcome.LOCKED, None, 0)
        assert answered(bench, again(claim)) == Verdict(Outcome.LOCKED, None, 0)
        assert bench.rows("audit")[-1]["outcome"] == "LOCKED"

    def test_a_success_resets_only_the_consecutive_count(self, bench: Bench) -> None:
        for _ in range(4):
            guess(bench)
        assert succeed(bench, 7).attempts_left == 4
        assert attempts(bench) == (0, 4, 4)

    def test_the_daily_budget_ends_with_the_day(self, bench: Bench) -> None:
        for step in range(4):
            guess(bench)
            succeed(bench, 2 * step)
            if step < 3:
                guess(bench)
                succeed(bench, 2 * step + 1)
        assert guess(bench) == Verdict(Outcome.LOCKED, None, 0)
        assert token_row(bench)["state"] == "ACTIVE"
        assert answered(bench, claim_of()) == Verdict(Outcome.LOCKED, None, 0)
        assert guess(bench, today=TOMORROW).attempts_left == 12 - 9
        assert attempts(bench) == (2, 1, 9)

    def test_a_clock_behind_gives_no_second_budget(self, bench: Bench) -> None:
        guess(bench, today=TOMORROW)
        guess(bench, today=TODAY)
        assert token_row(bench)["day"] == TOMORROW.isoformat()
        assert attempts(bench) == (2, 2, 2)

    def test_the_budget_since_unlock_locks(self, bench: Bench) -> None:
        bench.change("tokens", unlock_failures=LIMITS.since_unlock - 1)
        assert guess(bench) == Verdict(Outcome.LOCKED, None, 0)
        assert token_row(bench)["state"] == "LOCKED"

    @pytest.mark.parametrize("column", ["failures", "unlock_failures"])
    def test_attempts_nobody_settled_lock_too(self, bench: Bench, column: str) -> None:
        bench.change("tokens", **{column: 12})
        assert answered(bench, claim_of()) == Verdict(Outcome.LOCKED, None, 0)
        assert token_row(bench)["state"] == "LOCKED"
        assert token_row(bench)["generation"] == 2

    def test_the_last_attempt_under_way_is_waited_for(self, bench: Bench) -> None:
        for _ in range(4):
            guess(bench)
        granted(bench, claim_of())
        assert isinstance(ask(bench, claim_of()), Held)
        assert token_row(bench)["state"] == "ACTIVE"

    def test_limits_are_the_claims(self, bench: Bench) -> None:
        strict = replace(LIMITS, consecutive=1)
        assert guess(bench, limits=strict).outcome == Outcome.LOCKED

    def test_a_token_not_in_use_is_not_active(self, bench: Bench) -> None:
        bench.change("tokens", state="ASSIGNED")
        claim = claim_of(BySerial(SERIAL))
        assert answered(bench, claim) == Verdict(Outcome.NOT_ACTIVE)
        assert answered(bench, again(claim)) == Verdict(Outcome.NOT_ACTIVE)
        assert attempts(bench) == (0, 0, 0)
        assert bench.rows("audit")[-1]["outcome"] == "NOT_ACTIVE"
