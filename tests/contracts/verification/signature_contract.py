# SPDX-License-Identifier: Apache-2.0
"""What a `VerificationStore` does with a signature: once, and about what it was made for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import (
    LIMITS,
    again,
    answered,
    ask,
    attempts,
    claim_of,
    granted,
    guess,
    request_ids,
    settle,
    succeed,
    token_row,
    verdict,
)
from contracts.verification.batch_contract import customer, tokens
from contracts.verification.signature_bench import (
    OneCustomer,
    all_rows,
    challenge,
    challenge_rows,
    expired,
    forgotten,
    granted_seed,
    granted_token,
    is_signing_seed_of,
    moved_to_another_token,
    refusal,
    settle_signed,
    sign,
    signature_of,
    used,
    watermarks,
)
from kagimori.application.ports import (
    BySerial,
    Finding,
    Granted,
    Held,
    Overslept,
    Settled,
)
from kagimori.domain.errors import ChallengeOver
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.transaction import SigningProfile
from support.databases.challenges import TRANSFER
from support.tokens import TENANT

TYPED = SigningProfile.TYPED


class SignatureContract(OneCustomer):
    @pytest.mark.parametrize("profile", SigningProfile)
    def test_grants_the_token_and_its_other_seed(
        self, bench: SqlBench, profile: SigningProfile
    ) -> None:
        bench.change("signing_seeds", last_step=41)
        claim = signature_of(challenge(bench, profile=profile))
        mine, seed = granted_seed(bench, claim)
        assert mine.identity == tokens(1)[0].identity
        assert is_signing_seed_of(mine, seed)
        assert (seed.profile, seed.token.last_step, mine.last_step) == (profile, 41, -1)
        assert attempts(bench) == (1, 1, 1)

    def test_a_login_is_granted_no_other_seed(self, bench: SqlBench) -> None:
        challenge(bench)
        answer = ask(bench, claim_of(customer(0)))
        assert isinstance(answer, Granted)
        assert answer.signing is None

    def test_a_right_code_is_accepted_once(self, bench: SqlBench) -> None:
        signed = challenge(bench)
        claim = signature_of(signed)
        accepted = verdict(bench, claim, granted_token(bench, claim), Finding.SIGNED)
        assert accepted.receipt is not None
        assert accepted == Verdict(Outcome.ACCEPTED, accepted.receipt, LIMITS.consecutive)
        assert accepted.receipt.number == 1
        assert challenge_rows(bench) == [("USED", claim.request_id)]
        before = all_rows(bench, "tokens", "requests", "receipts", "audit")
        assert refusal(bench, signature_of(signed)) is ChallengeOver
        assert all_rows(bench, "tokens", "requests", "receipts", "audit") == before

    def test_resets_the_consecutive_count_and_leaves_the_login_seed_alone(
        self, bench: SqlBench
    ) -> None:
        succeed(bench, 7, subject=customer(0))
        bench.change("tokens", drift=-2)
        for _ in range(4):
            guess(bench, subject=customer(0))
        assert sign(bench, challenge(bench, profile=TYPED), 42).attempts_left == 4
        row = token_row(bench)
        assert (row["last_step"], row["drift"], row["state"], row["lease"], row["generation"]) == (
            7, -2, "ACTIVE", None, 1,
        )  # fmt: skip
        assert attempts(bench) == (0, 4, 4)
        assert watermarks(bench) == [42]

    def test_a_scanned_one_spends_no_step(self, bench: SqlBench) -> None:
        sign(bench, challenge(bench))
        assert watermarks(bench) == [-1]

    def test_takes_digits_of_its_own(self, bench: SqlBench) -> None:
        for digits in (6, 8):
            bench.change("tokens", digits=digits)
            assert sign(bench, challenge(bench)).outcome is Outcome.ACCEPTED

    def test_leaves_the_digest_in_its_audit_row_and_nothing_else_of_the_transaction(
        self, bench: SqlBench
    ) -> None:
        signed = challenge(bench)
        claim = signature_of(signed)
        wrong = signature_of(signed)
        verdict(bench, wrong, granted_token(bench, wrong), Finding.NONE)
        verdict(bench, claim, granted_token(bench, claim), Finding.SIGNED)
        rejected, accepted = (dict(row) for row in bench.rows("audit")[-2:])
        assert accepted.pop("at") > 0
        del accepted["id"]
        assert accepted == {
            "tenant": TENANT,
            "actor": "internet-banking",
            "action": "VERIFY",
            "token_id": "token-000",
            "serial": "S000",
            "request_id": claim.request_id,
            "operation": "SIGNATURE",
            "outcome": "ACCEPTED",
            "receipt_number": 1,
            "user_id": None,
            "transaction_digest": signed.digest.hex(),
        }
        assert (rejected["outcome"], rejected["transaction_digest"]) == (
            "REJECTED",
            signed.digest.hex(),
        )
        written = repr(all_rows(bench, "tokens", "requests", "receipts", "audit", "challenges"))
        assert TRANSFER.payee_name not in written
        assert TRANSFER.account_number not in written

    def test_wrong_codes_leave_the_challenge_and_lock_the_token_for_logins_too(
        self, bench: SqlBench
    ) -> None:
        signed = challenge(bench)
        told = []
        for _ in range(LIMITS.consecutive):
            claim = signature_of(signed)
            told.append(verdict(bench, claim, granted_token(bench, claim), Finding.NONE))
        assert [(each.outcome, each.attempts_left) for each in told] == [
            (Outcome.REJECTED, 4),
            (Outcome.REJECTED, 3),
            (Outcome.REJECTED, 2),
            (Outcome.REJECTED, 1),
            (Outcome.LOCKED, 0),
        ]
        assert challenge_rows(bench) == [("OPEN", None)]
        for claim in (signature_of(signed), claim_of(customer(0))):
            assert answered(bench, claim) == Verdict(Outcome.LOCKED, None, 0)

    def test_a_token_that_logins_have_locked_signs_nothing(self, bench: SqlBench) -> None:
        for _ in range(LIMITS.consecutive):
            guess(bench, subject=customer(0))
        signed = challenge(bench)
        claim = signature_of(signed)
        assert answered(bench, claim) == answered(bench, again(claim))
        line = bench.rows("audit")[-1]
        assert (line["outcome"], line["transaction_digest"]) == ("LOCKED", signed.digest.hex())
        assert challenge_rows(bench) == [("OPEN", None)]

    def test_logins_and_signatures_share_the_days_budget(self, bench: SqlBench) -> None:
        signed = challenge(bench)
        for number in range(LIMITS.daily):
            bench.change("tokens", failures=0)
            claim = signature_of(signed) if number % 2 else claim_of(customer(0))
            verdict(bench, claim, granted(bench, claim), Finding.NONE)
        assert attempts(bench)[1] == LIMITS.daily
        bench.change("tokens", failures=0)
        for claim in (signature_of(signed), claim_of(customer(0))):
            assert answered(bench, claim) == Verdict(Outcome.LOCKED, None, 0)

    def test_waits_for_a_login_and_a_login_waits_for_it(self, bench: SqlBench) -> None:
        signed = challenge(bench)
        first = claim_of(customer(0))
        granted(bench, first)
        assert isinstance(ask(bench, signature_of(signed)), Held)
        assert request_ids(bench) == {first.request_id}
        bench.expire_leases()
        granted_token(bench, signature_of(signed))
        assert isinstance(ask(bench, claim_of(customer(0))), Held)
        assert isinstance(ask(bench, claim_of(BySerial("S000"))), Held)

    def test_a_spent_step_is_replayed_and_gives_its_attempt_back(self, bench: SqlBench) -> None:
        sign(bench, challenge(bench, profile=TYPED), 42)
        guess(bench, subject=customer(0))
        claim = signature_of(challenge(bench, profile=TYPED))
        replayed = verdict(bench, claim, granted_token(bench, claim), Finding.SPENT)
        assert replayed == Verdict(Outcome.REPLAYED, None, LIMITS.consecutive - 1)
        assert attempts(bench) == (1, 1, 1)
        assert [state for state, _ in challenge_rows(bench)] == ["USED", "OPEN"]

    def test_a_failure_before_any_result_leaves_no_trace(self, bench: SqlBench) -> None:
        claim = signature_of(challenge(bench))
        mine = granted_token(bench, claim)
        assert settle(bench, claim, mine, Finding.NO_RESULT) == Settled(None)
        assert attempts(bench) == (0, 0, 0)
        assert not bench.rows("requests")
        assert challenge_rows(bench) == [("OPEN", None)]

    def test_a_seed_whose_row_is_gone_is_granted_as_missing(self, bench: SqlBench) -> None:
        signed = challenge(bench)
        bench.run("DELETE FROM signing_seeds")
        answer = ask(bench, signature_of(signed))
        assert isinstance(answer, Granted)
        assert answer.signing is None

    def test_a_signature_without_a_challenge_is_over(self, bench: SqlBench) -> None:
        for subject in (customer(0), BySerial("S000")):
            claim = claim_of(subject, operation=Operation.SIGNATURE, code_length=8)
            assert refusal(bench, claim) is ChallengeOver
        assert attempts(bench) == (0, 0, 0)


def _lease_over(bench: SqlBench) -> None:
    bench.expire_leases()


def _locked(bench: SqlBench) -> None:
    bench.change("tokens", state="LOCKED")


def _another_generation(bench: SqlBench) -> None:
    bench.change("tokens", generation=2)


def _step_spent(bench: SqlBench) -> None:
    bench.change("signing_seeds", last_step=42)


def _other_digest(bench: SqlBench) -> None:
    bench.change("challenges", digest="0" * 64)


class OversleptSignatureContract(OneCustomer):
    """All of it or nothing: what a signature goes by is looked at again when it is settled."""

    @pytest.mark.parametrize(
        "meanwhile",
        [
            used,
            forgotten,
            moved_to_another_token,
            _other_digest,
            _step_spent,
            _lease_over,
            _locked,
            _another_generation,
        ],
    )
    def test_nothing_of_it_is_kept(
        self, bench: SqlBench, meanwhile: Callable[[SqlBench], None]
    ) -> None:
        claim = signature_of(challenge(bench, profile=TYPED))
        mine = granted_token(bench, claim)
        meanwhile(bench)
        tables = ("tokens", "requests", "receipts", "audit", "challenges", "signing_seeds")
        before = all_rows(bench, *tables)
        assert settle_signed(bench, claim, mine, 42) == Overslept()
        assert all_rows(bench, *tables) == before

    def test_a_challenge_that_ends_while_it_is_judged_is_answered_all_the_same(
        self, bench: SqlBench
    ) -> None:
        claim = signature_of(challenge(bench))
        mine = granted_token(bench, claim)
        expired(bench)
        assert verdict(bench, claim, mine, Finding.SIGNED).outcome is Outcome.ACCEPTED

    def test_a_code_that_signs_settles_nothing_where_none_was_asked_for(
        self, bench: SqlBench
    ) -> None:
        claim = claim_of(customer(0))
        mine = granted(bench, claim)
        with pytest.raises(ValueError, match="about a challenge"):
            settle_signed(bench, claim, mine)
        assert attempts(bench) == (1, 1, 1)

    @pytest.mark.parametrize("step", [41, 42])
    def test_a_step_that_is_not_above_the_last_is_never_accepted(
        self, bench: SqlBench, step: int
    ) -> None:
        sign(bench, challenge(bench, profile=TYPED), 42)
        claim = signature_of(challenge(bench, profile=TYPED))
        assert settle_signed(bench, claim, granted_token(bench, claim), step) == Overslept()
        assert watermarks(bench) == [42]
        assert [state for state, _ in challenge_rows(bench)] == ["USED", "OPEN"]
        assert bench.rows("receipts")[0]["last_number"] == 1
