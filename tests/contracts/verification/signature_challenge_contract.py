# SPDX-License-Identifier: Apache-2.0
"""Which challenges a `VerificationStore` answers, and about what; and requests sent again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import (
    again,
    answered,
    ask,
    attempts,
    guess,
    settle,
    verdict,
)
from contracts.verification.batch_contract import customer, tokens
from contracts.verification.signature_bench import (
    NOBODY,
    OneCustomer,
    all_rows,
    at_the_moment,
    challenge,
    challenge_rows,
    end_challenges_on_the_way,
    expired,
    forgotten,
    granted_seed,
    granted_token,
    is_signing_seed_of,
    moved_to_another_customer,
    moved_to_another_token,
    refusal,
    replaced,
    retired,
    settle_signed,
    sign,
    signature_of,
    used,
    watermarks,
)
from kagimori.application.ports import (
    Finding,
    Granted,
    Held,
    Overslept,
)
from kagimori.domain.errors import ChallengeOver, RequestIdReused, TransactionChanged
from kagimori.domain.outcome import Outcome
from kagimori.domain.policy import Operation
from kagimori.domain.transaction import AccountType, SigningProfile, Transaction, Transfer
from support.databases.challenges import TRANSACTION, TRANSFER, mixed, told_as
from support.tokens import OTHER_TENANT, identity, token

TYPED = SigningProfile.TYPED

OTHERS = {
    "bank": replace(TRANSFER, bank="0141"),
    "branch": replace(TRANSFER, branch="002"),
    "account type": replace(TRANSFER, account_type=AccountType.CURRENT),
    "account number": replace(TRANSFER, account_number="1234568"),
    "payee name": replace(TRANSFER, payee_name="ﾔﾏﾀ ﾀﾛｳ"),
    "amount": replace(TRANSFER, amount=150_001),
    "reference": replace(TRANSFER, reference=""),
}
"""The signed transfer with another value in each of its fields."""


OVER = [
    used,
    expired,
    at_the_moment,
    forgotten,
    retired,
    replaced,
    moved_to_another_token,
    moved_to_another_customer,
]


class ChallengeContract(OneCustomer):
    """Which challenges are answered, and about what: nothing is spent by the others."""

    @pytest.mark.parametrize("meanwhile", OVER)
    def test_one_that_is_over_is_not(
        self, bench: SqlBench, meanwhile: Callable[[SqlBench], None]
    ) -> None:
        signed = challenge(bench)
        meanwhile(bench)
        before = all_rows(bench, "tokens", "requests", "audit", "challenges")
        for told in (signed, told_as(signed, Transaction((OTHERS["amount"],)))):
            claim = signature_of(told)
            for asked in (claim, again(claim)):
                assert refusal(bench, asked) is ChallengeOver
        assert all_rows(bench, "tokens", "requests", "audit", "challenges") == before

    def test_another_customers_is_not(self, bench: SqlBench) -> None:
        new = identity(token_id="token-001", serial="S001", subscriber=customer(1).value)
        bench.inventory.add([token(new)], "importer")
        signed = challenge(bench)
        for subject in (customer(1), NOBODY):
            assert refusal(bench, signature_of(signed, subject=subject)) is ChallengeOver
        assert {row["failures"] for row in bench.rows("tokens")} == {0}
        assert not bench.rows("requests")
        assert sign(bench, signed).outcome is Outcome.ACCEPTED

    def test_another_banks_is_not(self, bench: SqlBench) -> None:
        bench.inventory.add(tokens(1, OTHER_TENANT), "importer")
        signed = challenge(bench)
        assert refusal(bench, signature_of(signed, tenant=OTHER_TENANT)) is ChallengeOver
        theirs = challenge(bench, tenant=OTHER_TENANT)
        assert refusal(bench, signature_of(theirs)) is ChallengeOver
        assert not bench.rows("requests")

    @pytest.mark.parametrize("part", OTHERS)
    def test_another_transaction_is_refused_whichever_part_differs(
        self, bench: SqlBench, part: str
    ) -> None:
        signed = challenge(bench)
        self._is_refused_as_changed(bench, Transaction((OTHERS[part],)))
        assert sign(bench, signed).outcome is Outcome.ACCEPTED

    @pytest.mark.parametrize(
        "others",
        [
            (TRANSFER, TRANSFER),
            (OTHERS["amount"],),
            (OTHERS["amount"], TRANSFER),
            (TRANSFER, OTHERS["amount"], OTHERS["bank"]),
        ],
        ids=["same payee twice", "one left out", "another order", "one more"],
    )
    def test_a_batch_is_bound_as_a_whole(
        self, bench: SqlBench, others: tuple[Transfer, ...]
    ) -> None:
        batch = Transaction((TRANSFER, OTHERS["amount"]))
        signed = challenge(bench, transaction=batch)
        self._is_refused_as_changed(bench, Transaction(others), signed_as=batch)
        assert sign(bench, signed).outcome is Outcome.ACCEPTED

    def _is_refused_as_changed(
        self, bench: SqlBench, other: Transaction, signed_as: Transaction = TRANSACTION
    ) -> None:
        signed = challenge(bench, transaction=signed_as)
        before = all_rows(bench, "tokens", "requests", "audit", "challenges")
        claim = signature_of(told_as(signed, other))
        for asked in (claim, again(claim)):
            assert refusal(bench, asked) is TransactionChanged
        assert all_rows(bench, "tokens", "requests", "audit", "challenges") == before
        # The same request may then tell what was signed: nothing was kept of it.
        retry = again(claim, signed=signed, fingerprint=b"\1" * 32)
        settle(bench, retry, granted_token(bench, retry), Finding.NO_RESULT)

    def test_a_digest_that_was_changed_in_the_database_is_the_banks_no_more(
        self, bench: SqlBench
    ) -> None:
        signed = challenge(bench)
        other = told_as(signed, Transaction((OTHERS["account number"],)))
        bench.change("challenges", digest=other.digest.hex())
        assert refusal(bench, signature_of(signed)) is TransactionChanged
        assert attempts(bench) == (0, 0, 0)

    def test_the_same_transfer_twice_is_two_challenges(self, bench: SqlBench) -> None:
        first, second = challenge(bench), challenge(bench)
        assert sign(bench, first).outcome is Outcome.ACCEPTED
        assert refusal(bench, signature_of(mixed(second, first))) is TransactionChanged
        assert sign(bench, second).outcome is Outcome.ACCEPTED


class SameSignatureContract(OneCustomer):
    """The same request_id: the same answer, and never a second attempt."""

    def test_gets_its_first_answer_though_the_challenge_is_used(self, bench: SqlBench) -> None:
        claim = signature_of(challenge(bench))
        accepted = verdict(bench, claim, granted_token(bench, claim), Finding.SIGNED)
        expired(bench)
        assert answered(bench, again(claim)) == accepted
        (row,) = bench.rows("requests")
        bench.change("requests", created_at=row["created_at"] - 599_000_000)
        assert answered(bench, again(claim)) == accepted
        bench.change("requests", created_at=row["created_at"] - 600_000_000)
        assert refusal(bench, again(claim)) is ChallengeOver
        assert not bench.rows("requests")

    def test_is_refused_for_another_question(self, bench: SqlBench) -> None:
        claim = signature_of(challenge(bench))
        granted_token(bench, claim)
        other = again(claim, signed=challenge(bench), fingerprint=b"\1" * 32)
        login = again(other, operation=Operation.LOGIN, code_length=6, signed=None)
        for _ in ("pending", "abandoned"):
            for asked in (other, login):
                assert refusal(bench, asked) is RequestIdReused
            bench.expire_leases()
        retry = again(claim)
        verdict(bench, retry, granted_token(bench, retry), Finding.SIGNED)
        assert refusal(bench, other) is RequestIdReused

    def test_goes_on_after_a_crash_without_a_second_attempt(self, bench: SqlBench) -> None:
        bench.change("signing_seeds", last_step=41)
        claim = signature_of(challenge(bench, profile=TYPED))
        mine = granted_token(bench, claim)
        bench.expire_leases()
        assert settle_signed(bench, claim, mine, 42) == Overslept()
        assert (challenge_rows(bench), watermarks(bench)) == ([("OPEN", None)], [41])
        retry = again(claim)
        mine, seed = granted_seed(bench, retry)
        assert is_signing_seed_of(mine, seed)
        assert (seed.profile, seed.token.last_step) == (TYPED, 41)
        assert attempts(bench) == (1, 1, 1)
        accepted = verdict(bench, retry, mine, Finding.SIGNED, 42)
        assert accepted.outcome is Outcome.ACCEPTED
        assert attempts(bench) == (0, 0, 0)

    @pytest.mark.parametrize("meanwhile", [used, expired, forgotten, replaced])
    def test_does_not_go_on_once_the_challenge_is_over(
        self, bench: SqlBench, meanwhile: Callable[[SqlBench], None]
    ) -> None:
        claim = signature_of(challenge(bench))
        granted_token(bench, claim)
        bench.expire_leases()
        meanwhile(bench)
        before = all_rows(bench, "tokens")
        for _ in range(2):
            assert refusal(bench, again(claim)) is ChallengeOver
        assert all_rows(bench, "tokens") == before
        assert not bench.rows("requests")

    def test_is_held_while_it_is_under_way(self, bench: SqlBench) -> None:
        claim = signature_of(challenge(bench))
        granted_token(bench, claim)
        assert isinstance(ask(bench, again(claim)), Held)

    def test_of_two_requests_one_is_accepted_the_other_held_and_then_refused(
        self, bench: SqlBench
    ) -> None:
        signed = challenge(bench)
        first, second = signature_of(signed), signature_of(signed)
        answers = bench.store.commit([], [first, second])[1]
        assert isinstance(answers[0], Granted)
        assert isinstance(answers[1], Held)
        verdict(bench, first, answers[0].token, Finding.SIGNED)
        assert refusal(bench, second) is ChallengeOver
        assert attempts(bench) == (0, 0, 0)

    def test_one_that_is_ended_before_its_token_is_taken_costs_nothing(
        self, bench: SqlBench
    ) -> None:
        guess(bench, subject=customer(0))
        signed = challenge(bench)
        before = all_rows(bench, "tokens", "requests", "audit")
        end_challenges_on_the_way(bench)
        for _ in range(2):
            assert refusal(bench, signature_of(signed)) is ChallengeOver
        assert all_rows(bench, "tokens", "requests", "audit") == before
