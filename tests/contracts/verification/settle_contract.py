# SPDX-License-Identifier: Apache-2.0
"""What a `VerificationStore` does with settlements."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC

import pytest

from contracts.store_bench import (
    LIMITS,
    TOMORROW,
    Bench,
    again,
    answered,
    ask,
    attempts,
    claim_all,
    claim_of,
    granted,
    guess,
    settle,
    settle_all,
    succeed,
    token_row,
    verdict,
)
from kagimori.application.ports import (
    Answered,
    BySerial,
    BySubscriber,
    Finding,
    Granted,
    GrantedUnknown,
    Held,
    Overslept,
    Settled,
    Settlement,
)
from kagimori.domain.outcome import Outcome, Verdict
from support.tokens import OTHER_TENANT, TENANT, identity, token


class SettleContract:
    @pytest.fixture(autouse=True)
    def _one_active_token(self, bench: Bench) -> None:
        bench.inventory.add([token()], "importer")

    def test_an_acceptance_spends_the_step_and_gives_a_receipt(self, bench: Bench) -> None:
        claim = claim_of()
        (answer,) = settle_all(
            bench.store, [Settlement(claim, granted(bench, claim), Finding.FRESH, step=7, drift=-1)]
        )
        assert isinstance(answer, Settled)
        assert answer.verdict is not None
        receipt = answer.verdict.receipt
        assert receipt is not None
        assert answer.verdict == Verdict(Outcome.ACCEPTED, receipt, LIMITS.consecutive)
        assert (str(receipt), receipt.accepted_at.tzinfo) == ("0000001", UTC)
        assert abs(receipt.accepted_at.timestamp() - time.time()) < 60
        row = token_row(bench)
        assert (row["last_step"], row["drift"], row["lease"]) == (7, -1, None)
        assert attempts(bench) == (0, 0, 0)

    def test_receipt_numbers_rise_within_a_tenant(self, bench: Bench) -> None:
        bench.inventory.add([token(identity(tenant=OTHER_TENANT))], "importer")
        mine = [succeed(bench, step).receipt for step in range(3)]
        theirs = succeed(bench, 0, tenant=OTHER_TENANT).receipt
        assert [receipt.number for receipt in mine if receipt] == [1, 2, 3]
        assert theirs is not None
        assert theirs.number == 1

    def test_an_acceptance_is_audited_without_its_customer(self, bench: Bench) -> None:
        claim = claim_of()
        verdict(bench, claim, granted(bench, claim), Finding.FRESH, 7)
        line = dict(bench.rows("audit")[-1])
        assert line.pop("at") > 0
        assert line.pop("id") == 2
        assert line == {
            "tenant": TENANT,
            "actor": "internet-banking",
            "action": "VERIFY",
            "token_id": "token-1",
            "serial": "2V0716016FK2",
            "request_id": str(claim.request_id),
            "operation": "LOGIN",
            "outcome": "ACCEPTED",
            "receipt_number": 1,
            "user_id": None,
            "transaction_digest": None,
        }

    @pytest.mark.parametrize("step", [6, 7])
    def test_a_step_that_is_not_above_the_last_is_never_accepted(
        self, bench: Bench, step: int
    ) -> None:
        succeed(bench, 7)
        claim = claim_of()
        answer = settle(bench, claim, granted(bench, claim), Finding.FRESH, step)
        assert answer == Overslept()
        assert token_row(bench)["last_step"] == 7
        assert bench.rows("receipts")[0]["last_number"] == 1

    def test_a_replay_returns_its_attempt_everywhere(self, bench: Bench) -> None:
        guess(bench)
        claim = claim_of()
        assert verdict(bench, claim, granted(bench, claim), Finding.SPENT) == Verdict(
            Outcome.REPLAYED, None, LIMITS.consecutive - 1
        )
        assert attempts(bench) == (1, 1, 1)
        assert answered(bench, again(claim)).outcome == Outcome.REPLAYED

    def test_a_failure_before_any_result_leaves_no_trace(self, bench: Bench) -> None:
        guess(bench)
        claim = claim_of()
        token = granted(bench, claim)
        assert settle(bench, claim, token, Finding.NO_RESULT) == Settled(None)
        assert attempts(bench) == (1, 1, 1)
        assert len(bench.rows("requests")) == 1
        granted(bench, again(claim, fingerprint=b"\1" * 32))

    def test_a_failure_before_any_result_is_returned_however_late(self, bench: Bench) -> None:
        claim = claim_of()
        token = granted(bench, claim)
        bench.expire_leases()
        assert settle(bench, claim, token, Finding.NO_RESULT) == Settled(None)
        assert attempts(bench) == (0, 0, 0)

    def test_a_failure_after_a_result_keeps_its_attempt(self, bench: Bench) -> None:
        claim = claim_of()
        token = granted(bench, claim)
        assert settle(bench, claim, token, Finding.BROKEN_OFF) == Settled(None)
        assert attempts(bench) == (1, 1, 1)
        granted(bench, again(claim))
        assert attempts(bench) == (1, 1, 1)

    def test_what_an_earlier_search_paid_for_is_not_given_back(self, bench: Bench) -> None:
        # The HSM breaks off after a result, is dead at the retry, and so on:
        # each of these codes has been looked at.
        for guessed in range(1, LIMITS.consecutive + 1):
            claim = claim_of(fingerprint=bytes([guessed]) * 32)
            settle(bench, claim, granted(bench, claim), Finding.BROKEN_OFF)
            retry = again(claim)
            assert settle(bench, retry, granted(bench, retry), Finding.NO_RESULT) == Settled(None)
            assert attempts(bench) == (guessed, guessed, guessed)
        assert answered(bench, claim_of()).outcome == Outcome.LOCKED

    def test_a_failure_after_a_result_holds_nobody_up(self, bench: Bench) -> None:
        claim = claim_of()
        settle(bench, claim, granted(bench, claim), Finding.BROKEN_OFF)
        granted(bench, claim_of())
        assert attempts(bench) == (2, 2, 2)

    def test_an_attempt_is_returned_to_the_day_it_was_taken_from(self, bench: Bench) -> None:
        guess(bench)
        claim = claim_of()
        settle(bench, claim, granted(bench, claim), Finding.BROKEN_OFF)
        retry = again(claim, today=TOMORROW)
        assert verdict(bench, retry, granted(bench, retry), Finding.FRESH, 7).attempts_left == 5
        assert attempts(bench) == (0, 1, 1)

    def test_a_new_day_has_its_own_budget_though_the_attempt_was_yesterdays(
        self, bench: Bench
    ) -> None:
        guess(bench)
        bench.change("tokens", day_failures=LIMITS.daily - 1)
        claim = claim_of()
        settle(bench, claim, granted(bench, claim), Finding.BROKEN_OFF)
        retry = again(claim, today=TOMORROW)
        answer = verdict(bench, retry, granted(bench, retry), Finding.NONE)
        assert answer == Verdict(Outcome.REJECTED, None, LIMITS.consecutive - 2)

    @pytest.mark.parametrize("finding", [Finding.NO_RESULT, Finding.BROKEN_OFF])
    def test_a_failed_search_for_nobody_can_be_sent_again(
        self, bench: Bench, finding: Finding
    ) -> None:
        claim = claim_of(BySerial("NOBODYS"))
        assert ask(bench, claim) == GrantedUnknown()
        assert settle(bench, claim, None, finding) == Settled(None)
        assert ask(bench, again(claim)) == GrantedUnknown()

    def test_one_items_trouble_is_its_own(self, bench: Bench) -> None:
        bench.inventory.add(
            [token(identity(token_id="token-2", serial="B", subscriber="subscriber-2"))], "importer"
        )
        good, bad = claim_of(), claim_of(BySubscriber("subscriber-2"))
        mine, yours = granted(bench, good), granted(bench, bad)
        answers = settle_all(
            bench.store,
            [
                Settlement(again(bad), yours, Finding.FRESH, 9, 0),
                Settlement(good, mine, Finding.FRESH, 7, 0),
                Settlement(bad, yours, Finding.NONE),
            ],
        )
        assert answers[0] == Overslept()
        assert [row["last_step"] for row in bench.rows("tokens")] == [7, -1]
        assert [row["failures"] for row in bench.rows("tokens")] == [0, 1]


def _expired(bench: Bench) -> None:
    bench.expire_leases()


def _taken(bench: Bench) -> None:
    bench.expire_leases()
    granted(bench, claim_of())


def _settled(bench: Bench) -> None:
    bench.expire_leases()
    guess(bench)


def _locked(bench: Bench) -> None:
    bench.change("tokens", state="LOCKED")


def _changed(bench: Bench) -> None:
    bench.change("tokens", generation=2)


class OversleptContract:
    """A search that is no longer current changes nothing at all."""

    @pytest.fixture(autouse=True)
    def _one_active_token(self, bench: Bench) -> None:
        bench.inventory.add([token()], "importer")

    @pytest.mark.parametrize("finding", [Finding.FRESH, Finding.SPENT, Finding.NONE])
    @pytest.mark.parametrize("meanwhile", [_expired, _taken, _settled, _locked, _changed])
    def test_does_not_settle(
        self, bench: Bench, finding: Finding, meanwhile: Callable[[Bench], None]
    ) -> None:
        claim = claim_of()
        found = granted(bench, claim)
        meanwhile(bench)
        before = [list(map(dict, bench.rows(table))) for table in _TABLES]
        step = 7 if finding is Finding.FRESH else None
        assert settle(bench, claim, found, finding, step) == Overslept()
        assert [list(map(dict, bench.rows(table))) for table in _TABLES] == before

    def test_does_not_return_an_attempt_that_is_anothers(self, bench: Bench) -> None:
        claim = claim_of()
        found = granted(bench, claim)
        _taken(bench)
        assert settle(bench, claim, found, Finding.NO_RESULT) == Overslept()
        assert attempts(bench) == (2, 2, 2)

    def test_does_not_settle_for_its_own_successor(self, bench: Bench) -> None:
        first = claim_of()
        found = granted(bench, first)
        bench.expire_leases()
        second = again(first)
        granted(bench, second)
        assert settle(bench, first, found, Finding.FRESH, 7) == Overslept()
        accepted = verdict(bench, second, found, Finding.FRESH, 7)
        assert accepted.outcome == Outcome.ACCEPTED
        assert answered(bench, again(first)) == accepted

    def test_does_not_settle_for_nobody_either(self, bench: Bench) -> None:
        claim = claim_of(BySerial("NOBODYS"))
        ask(bench, claim)
        bench.expire_leases()
        assert settle(bench, claim, None, Finding.UNKNOWN) == Overslept()


_TABLES = ("tokens", "requests", "receipts", "audit")
_THREADS = 64


class RaceContract:
    """Exactly once, whoever comes at the same time."""

    @pytest.fixture(autouse=True)
    def _one_active_token(self, bench: Bench) -> None:
        bench.inventory.add([token()], "importer")

    def test_one_of_many_claims_is_granted(self, bench: Bench) -> None:
        stores = [bench.another_store() for _ in range(4)]
        together = threading.Barrier(_THREADS)

        def claim(number: int) -> object:
            together.wait()
            (answer,) = claim_all(stores[number % 4], [claim_of()])
            return type(answer)

        with ThreadPoolExecutor(_THREADS) as threads:
            answers = list(threads.map(claim, range(_THREADS)))
        assert answers.count(Granted) == 1
        assert answers.count(Held) == _THREADS - 1
        assert attempts(bench) == (1, 1, 1)

    def test_one_request_sent_many_times_is_claimed_once(self, bench: Bench) -> None:
        request = claim_of()
        together = threading.Barrier(16)

        def claim(_number: int) -> object:
            together.wait()
            return type(ask(bench, again(request)))

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(claim, range(16)))
        assert sorted(answers, key=str) == [Granted] + [Held] * 15
        assert attempts(bench) == (1, 1, 1)

    def test_an_acceptance_outlives_the_process(self, bench: Bench) -> None:
        claim = claim_of()
        accepted = verdict(bench, claim, granted(bench, claim), Finding.FRESH, 7)
        survivor = bench.another_store()
        assert claim_all(survivor, [again(claim)]) == [Answered(accepted)]
        (answer,) = claim_all(survivor, [claim_of()])
        assert isinstance(answer, Granted)
        assert answer.token.last_step == 7
