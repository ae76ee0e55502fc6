# SPDX-License-Identifier: Apache-2.0
"""What a `VerificationStore` does with resynchronisations: as with a code, and no acceptance."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from contracts.store_bench import (
    BY_SERIAL,
    LIMITS,
    Bench,
    again,
    answered,
    as_granted,
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
    Claim,
    Finding,
    Granted,
    GrantedUnknown,
    Held,
    Overslept,
    Refused,
    Settled,
    Settlement,
)
from kagimori.domain.errors import InvalidField, RequestIdReused
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from support.tokens import OTHER_TENANT, SERIAL, TENANT, identity, token

SYNCHRONIZED = Verdict(Outcome.SYNCHRONIZED, None, LIMITS.consecutive)
THREADS = 16


def resync_of(subject: BySubscriber | BySerial = BY_SERIAL, **changes: Any) -> Claim:  # noqa: ANN401 - any field
    """Return a claim of a resynchronisation of its own."""
    return claim_of(subject, operation=Operation.RESYNC, **changes)


def found(bench: Bench, claim: Claim, step: int, drift: int = 0) -> Verdict:
    """Settle a claim with the two codes that end at ``step``."""
    settlement = Settlement(claim, granted(bench, claim), Finding.FRESH, step, drift)
    (answer,) = settle_all(bench.store, [settlement])
    assert isinstance(answer, Settled)
    assert answer.verdict is not None
    return answer.verdict


class ResyncContract:
    @pytest.fixture(autouse=True)
    def _one_active_token(self, bench: Bench) -> None:
        bench.inventory.add([token()], "importer")

    def test_takes_the_lease_and_an_attempt(self, bench: Bench) -> None:
        assert granted(bench, resync_of()) == as_granted(token())
        assert attempts(bench) == (1, 1, 1)
        for other in (resync_of(), claim_of()):
            assert isinstance(ask(bench, other), Held)
        assert attempts(bench) == (1, 1, 1)

    def test_waits_for_a_login(self, bench: Bench) -> None:
        granted(bench, claim_of())
        assert isinstance(ask(bench, resync_of()), Held)

    def test_spends_both_steps_and_remembers_the_drift(self, bench: Bench) -> None:
        assert found(bench, resync_of(), 42, drift=-13) == SYNCHRONIZED
        row = token_row(bench)
        assert (row["last_step"], row["drift"], row["lease"], row["state"]) == (
            42, -13, None, "ACTIVE",
        )  # fmt: skip
        for step in (41, 42):
            claim = claim_of()
            answer = settle(bench, claim, granted(bench, claim), Finding.FRESH, step)
            assert answer == Overslept()
            bench.expire_leases()

    def test_draws_no_receipt(self, bench: Bench) -> None:
        claim = resync_of()
        assert found(bench, claim, 42) == SYNCHRONIZED
        assert not bench.rows("receipts")
        (request,) = bench.rows("requests")
        assert (request["outcome"], request["receipt_number"]) == ("SYNCHRONIZED", None)
        accepted = succeed(bench, 43)
        assert accepted.receipt is not None
        assert accepted.receipt.number == 1

    def test_is_audited_as_what_it_is(self, bench: Bench) -> None:
        claim = resync_of()
        found(bench, claim, 42)
        line = dict(bench.rows("audit")[-1])
        assert line.pop("at") > 0
        del line["id"]
        assert line == {
            "tenant": TENANT,
            "actor": "internet-banking",
            "action": "VERIFY",
            "token_id": "token-1",
            "serial": SERIAL,
            "request_id": str(claim.request_id),
            "operation": "RESYNC",
            "outcome": "SYNCHRONIZED",
            "receipt_number": None,
            "user_id": None,
            "transaction_digest": None,
        }

    def test_resets_the_consecutive_count_alone(self, bench: Bench) -> None:
        for _ in range(4):
            guess(bench)
        assert found(bench, resync_of(), 42).attempts_left == LIMITS.daily - 4
        assert attempts(bench) == (0, 4, 4)

    def test_codes_that_are_found_nowhere_lock_at_the_limit(self, bench: Bench) -> None:
        guesses = [guess(bench, operation=Operation.RESYNC) for _ in range(LIMITS.consecutive)]
        assert [(each.outcome, each.attempts_left) for each in guesses] == [
            (Outcome.REJECTED, 4),
            (Outcome.REJECTED, 3),
            (Outcome.REJECTED, 2),
            (Outcome.REJECTED, 1),
            (Outcome.LOCKED, 0),
        ]
        assert token_row(bench)["state"] == "LOCKED"
        for claim in (resync_of(), claim_of()):
            assert answered(bench, claim) == Verdict(Outcome.LOCKED, None, 0)

    @pytest.mark.parametrize(
        ("state", "expected"),
        [
            (State.ASSIGNED, Verdict(Outcome.NOT_ACTIVE)),
            (State.BARRED, Verdict(Outcome.NOT_ACTIVE)),
            (State.LOCKED, Verdict(Outcome.LOCKED, None, 0)),
        ],
    )
    def test_takes_an_active_token_only(
        self, bench: Bench, state: State, expected: Verdict
    ) -> None:
        bench.change("tokens", state=state)
        claim = resync_of()
        assert answered(bench, claim) == answered(bench, again(claim)) == expected
        assert attempts(bench) == (0, 0, 0)
        assert token_row(bench)["state"] == state

    def test_names_its_own_field_where_the_length_is_wrong(self, bench: Bench) -> None:
        answer = ask(bench, resync_of(code_length=8))
        assert isinstance(answer, Refused)
        assert isinstance(answer.error, InvalidField)
        assert answer.error.field == "first_code"
        assert attempts(bench) == (0, 0, 0)
        assert not bench.rows("requests")

    def test_a_token_of_nobodys_or_of_another_bank_is_unknown(self, bench: Bench) -> None:
        bench.inventory.add(
            [token(identity(tenant=OTHER_TENANT, serial="FOREIGN", subscriber="foreigner"))],
            "importer",
        )
        for subject in (BySerial("NOBODYS"), BySerial("FOREIGN"), BySubscriber("foreigner")):
            claim = resync_of(subject)
            assert ask(bench, claim) == GrantedUnknown()
            settled = verdict(bench, claim, None, Finding.UNKNOWN)
            assert settled == answered(bench, again(claim)) == Verdict(Outcome.UNKNOWN_TOKEN)

    def test_sent_again_it_gets_its_first_answer(self, bench: Bench) -> None:
        claim = resync_of()
        assert found(bench, claim, 42) == SYNCHRONIZED
        guess(bench)
        assert answered(bench, again(claim)) == SYNCHRONIZED
        assert claim_all(bench.another_store(), [again(claim)]) == [Answered(SYNCHRONIZED)]

    def test_its_request_id_is_no_logins(self, bench: Bench) -> None:
        # A login with one of the two codes has another digest.
        claim = resync_of()
        login = again(claim, operation=Operation.LOGIN, fingerprint=b"\1" * 32)
        granted(bench, claim)
        for _ in ("pending", "abandoned"):
            answer = ask(bench, login)
            assert isinstance(answer, Refused)
            assert isinstance(answer.error, RequestIdReused)
            bench.expire_leases()
        retry = again(claim)
        assert verdict(bench, retry, granted(bench, retry), Finding.FRESH, 42) == SYNCHRONIZED
        answer = ask(bench, again(login))
        assert isinstance(answer, Refused)
        assert isinstance(answer.error, RequestIdReused)

    @pytest.mark.parametrize("step", [6, 7])
    def test_never_turns_the_last_step_back(self, bench: Bench, step: int) -> None:
        succeed(bench, 7)
        claim = resync_of()
        assert settle(bench, claim, granted(bench, claim), Finding.FRESH, step) == Overslept()
        assert token_row(bench)["last_step"] == 7

    def test_a_crash_leaves_a_spent_attempt_and_the_retry_goes_on(self, bench: Bench) -> None:
        claim = resync_of()
        granted(bench, claim)
        bench.expire_leases()
        assert attempts(bench) == (1, 1, 1)
        assert settle(bench, claim, token(), Finding.FRESH, 42) == Overslept()
        retry = again(claim)
        assert verdict(bench, retry, granted(bench, retry), Finding.FRESH, 42) == SYNCHRONIZED
        assert attempts(bench) == (0, 0, 0)

    def test_a_failure_before_any_result_leaves_no_trace(self, bench: Bench) -> None:
        claim = resync_of()
        assert settle(bench, claim, granted(bench, claim), Finding.NO_RESULT) == Settled(None)
        assert attempts(bench) == (0, 0, 0)
        assert not bench.rows("requests")

    def test_beside_logins_in_one_commit_it_draws_no_number(self, bench: Bench) -> None:
        names = [f"subscriber-{number}" for number in range(2, 6)]
        bench.inventory.add(
            [
                token(identity(token_id=f"token-{name}", serial=name.upper(), subscriber=name))
                for name in names
            ],
            "importer",
        )
        claims = [
            claim_of(BySubscriber(name), operation=operation)
            for name, operation in zip(
                names, [Operation.LOGIN, Operation.RESYNC, Operation.LOGIN, Operation.RESYNC],
                strict=True,
            )
        ]  # fmt: skip
        answers = claim_all(bench.store, claims)
        settled = settle_all(
            bench.store,
            [
                Settlement(claim, answer.token, Finding.FRESH, 7, 0)
                for claim, answer in zip(claims, answers, strict=True)
                if isinstance(answer, Granted)
            ],
        )
        verdicts = [each.verdict for each in settled if isinstance(each, Settled) and each.verdict]
        assert [each.outcome for each in verdicts] == [
            Outcome.ACCEPTED, Outcome.SYNCHRONIZED, Outcome.ACCEPTED, Outcome.SYNCHRONIZED,
        ]  # fmt: skip
        numbers = [each.receipt.number if each.receipt else None for each in verdicts]
        assert numbers == [1, None, 2, None]
        assert bench.rows("receipts")[0]["last_number"] == 2

    def test_at_the_same_time_as_logins_each_step_is_spent_once(self, bench: Bench) -> None:
        stores = [bench.another_store() for _ in range(4)]
        together = threading.Barrier(THREADS)

        def offer(number: int) -> Outcome | None:
            # The pair ends at 8; the logins offer either code of it.
            claim = [resync_of, claim_of][number % 2]()
            together.wait()
            while True:
                (answer,) = claim_all(stores[number % 4], [claim])
                if not isinstance(answer, Held):
                    break
                # As the engine does: whoever asks without a pause keeps the holder from settling.
                time.sleep(min(answer.seconds, 0.02))
            if not isinstance(answer, Granted):
                return None
            step = 8 if claim.operation is Operation.RESYNC else 7 + number // 2 % 2
            fits = step - (claim.operation is Operation.RESYNC) > answer.token.last_step
            finding = Finding.FRESH if fits else Finding.NONE
            (settled,) = settle_all(
                stores[number % 4],
                [Settlement(claim, answer.token, finding, step if fits else None, 0)],
            )
            assert isinstance(settled, Settled)
            assert settled.verdict is not None
            return settled.verdict.outcome

        with ThreadPoolExecutor(THREADS) as threads:
            outcomes = Counter(threads.map(offer, range(THREADS)))
        good = outcomes[Outcome.SYNCHRONIZED], outcomes[Outcome.ACCEPTED]
        assert good in {(1, 0), (0, 1), (0, 2)}
        assert token_row(bench)["last_step"] in {7, 8}
