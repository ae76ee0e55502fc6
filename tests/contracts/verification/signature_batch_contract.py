# SPDX-License-Identifier: Apache-2.0
"""What a `VerificationStore` does with many signatures at once, and with logins beside them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import again, claim_all, claim_of, settle_all
from contracts.verification.batch_contract import claims_of, customer, outcomes, tokens
from contracts.verification.signature_bench import (
    all_rows,
    challenge,
    challenge_rows,
    is_signing_seed_of,
    signature_of,
    signing_seeds,
    watermarks,
)
from kagimori.application.ports import (
    Answered,
    BySubscriber,
    Claim,
    ClaimAnswer,
    Finding,
    Granted,
    GrantedUnknown,
    Held,
    Overslept,
    Refused,
    Settled,
    Settlement,
)
from kagimori.domain.errors import ChallengeOver, TransactionChanged
from kagimori.domain.outcome import Outcome
from kagimori.domain.transaction import Challenge, SigningProfile, Transaction
from support.databases.challenges import TRANSFER, told_as
from support.waiting import WaitedStore

MANY = 32
THREADS = 16
OTHER = Transaction((TRANSFER, TRANSFER))


def kind(answer: ClaimAnswer) -> type[object]:
    """Return what an answer is, of a refusal the error."""
    return type(answer.error) if isinstance(answer, Refused) else type(answer)


def signed_by(claim: Claim, answer: ClaimAnswer, step: int | None = None) -> Settlement:
    """Return the settlement of a right code."""
    assert isinstance(answer, Granted), answer
    finding = Finding.SIGNED if claim.signed else Finding.FRESH
    step = step if claim.signed else 7
    return Settlement(claim, answer.token, finding, step, None if claim.signed else 0)


class SignatureBatchContract:
    @pytest.fixture(autouse=True)
    def _many_active_tokens(self, bench: SqlBench) -> None:
        bench.inventory.add(tokens(MANY), "importer")
        signing_seeds(bench)

    def test_every_kind_together(self, bench: SqlBench) -> None:
        about = [challenge(bench, number) for number in range(6)]
        done = signature_of(about[0], 0)
        settle_all(bench.store, [signed_by(done, claim_all(bench.store, [done])[0])])
        claims = [
            signature_of(about[1], 1),
            claim_of(customer(10)),
            signature_of(told_as(about[2], OTHER), 2),
            claim_of(BySubscriber("nobody")),
            signature_of(about[3], 4),
            again(done),
            signature_of(about[0], 0),
            signature_of(about[5], 5),
            signature_of(about[1], 1),
        ]
        answers = claim_all(bench.store, claims)
        assert [kind(answer) for answer in answers] == [
            Granted, Granted, TransactionChanged, GrantedUnknown, ChallengeOver, Answered,
            ChallengeOver, Granted, Held,
        ]  # fmt: skip
        for claim, answer in zip(claims, answers, strict=True):
            if isinstance(answer, Granted):
                assert answer.token.identity.subscriber == claim.subject.value
                assert (answer.signing is None) == (claim.signed is None)
                if answer.signing is not None:
                    assert is_signing_seed_of(answer.token, answer.signing)
        spent = [row["failures"] for row in bench.rows("tokens")]
        assert spent == [int(number in {1, 5, 10}) for number in range(MANY)]
        assert len(bench.rows("requests")) == 5

    def test_logins_and_signatures_of_many_tokens_are_settled_together(
        self, bench: SqlBench
    ) -> None:
        profiles = [SigningProfile.SCANNED, SigningProfile.TYPED]
        claims = [
            claim_of(customer(n))
            if n % 3 == 0
            else signature_of(challenge(bench, n, profile=profiles[n % 2]), n)
            for n in range(MANY)
        ]
        answers = claim_all(bench.store, claims)
        settlements = [
            signed_by(claim, answer, 100 + n if n % 2 else None)
            for n, (claim, answer) in enumerate(zip(claims, answers, strict=True))
        ]
        settled = settle_all(bench.store, settlements)
        assert outcomes(settled) == [Outcome.ACCEPTED] * MANY
        numbers = [_number(each) for each in settled]
        assert numbers == [*range(1, MANY + 1)]
        assert {state for state, _ in challenge_rows(bench)} == {"USED"}
        assert watermarks(bench) == [100 + n if n % 2 and n % 3 else -1 for n in range(MANY)]
        assert [row["last_step"] for row in bench.rows("tokens")] == [
            -1 if n % 3 else 7 for n in range(MANY)
        ]
        told = {row["request_id"]: row["transaction_digest"] for row in bench.rows("audit")}
        for claim in claims:
            assert told[claim.request_id] == (claim.signed and claim.signed.digest.hex())

    def test_a_challenge_that_is_ended_by_a_commit_is_over_in_the_same_one(
        self, bench: SqlBench
    ) -> None:
        signed = challenge(bench)
        first, second = signature_of(signed), signature_of(signed)
        settlement = signed_by(first, claim_all(bench.store, [first])[0])
        (settled,), (answer, retry) = bench.store.commit([settlement], [second, again(first)])
        assert outcomes([settled]) == [Outcome.ACCEPTED]
        assert kind(answer) is ChallengeOver
        assert isinstance(settled, Settled)
        assert settled.verdict is not None
        assert retry == Answered(settled.verdict)

    @pytest.mark.parametrize("spoilt", ["challenge", "step", "seed"])
    def test_a_guard_that_does_not_hold_spoils_no_neighbour(
        self, bench: SqlBench, spoilt: str
    ) -> None:
        claims = [
            signature_of(challenge(bench, n, profile=SigningProfile.TYPED), n) for n in range(4)
        ]
        claims += claims_of([4, 5])
        answers = claim_all(bench.store, claims)
        bad = claims[1]
        assert bad.signed is not None
        _spoil(bench, bad.signed, spoilt)
        newcomers = [signature_of(challenge(bench, 6), 6), claim_of(customer(7))]
        settled, claimed = bench.store.commit(
            [signed_by(claim, answer, 42) for claim, answer in zip(claims, answers, strict=True)],
            newcomers,
        )
        assert settled[1] == Overslept()
        assert outcomes([*settled[:1], *settled[2:]]) == [Outcome.ACCEPTED] * 5
        assert [kind(answer) for answer in claimed] == [Granted, Granted]
        row = bench.rows("tokens")[1]
        assert (row["failures"], row["lease"], row["state"]) == (1, bad.lease, "ACTIVE")
        assert bench.rows("receipts")[0]["last_number"] == 5
        (request,) = [r for r in bench.rows("requests") if r["request_id"] == bad.request_id]
        assert request["state"] == "PENDING"
        used = {by for _, by in challenge_rows(bench)}
        assert bad.request_id not in used

    def test_one_search_is_settled_once(self, bench: SqlBench) -> None:
        claim = signature_of(challenge(bench, profile=SigningProfile.TYPED))
        settlement = signed_by(claim, claim_all(bench.store, [claim])[0], 42)
        first, second = settle_all(bench.store, [settlement, settlement])
        assert outcomes([first]) == [Outcome.ACCEPTED]
        assert second == Overslept()
        assert (watermarks(bench)[0], bench.rows("receipts")[0]["last_number"]) == (42, 1)

    def test_statements_do_not_grow_with_the_batch(self, bench: SqlBench) -> None:
        assert self._statements(bench, range(1)) == self._statements(bench, range(1, MANY))

    def test_a_batch_without_signatures_asks_for_none(self, bench: SqlBench) -> None:
        claims = claims_of([0, 1])
        answers = claim_all(bench.store, claims)
        settlements = [signed_by(*each) for each in zip(claims, answers, strict=True)]
        with bench.statements() as statements:
            bench.store.commit(settlements, claims_of([2, 3]))
        assert statements
        assert not [each for each in statements if "signing_seeds" in each]
        assert not [each for each in statements if "UPDATE challenges" in each]

    def _statements(self, bench: SqlBench, numbers: range) -> int:
        claims = [
            signature_of(challenge(bench, n, profile=SigningProfile.TYPED), n) for n in numbers
        ]
        answers = claim_all(bench.store, claims)
        settlements = [
            signed_by(claim, answer, 42) for claim, answer in zip(claims, answers, strict=True)
        ]
        claims = [signature_of(challenge(bench, n), n) for n in numbers]
        with bench.statements() as statements:
            settled, claimed = bench.store.commit(settlements, claims)
        assert outcomes(settled) == [Outcome.ACCEPTED] * len(numbers)
        assert {kind(answer) for answer in claimed} == {Granted}
        return len(statements)


class SignatureRaceContract:
    """Exactly once, whoever comes at the same time."""

    @pytest.fixture(autouse=True)
    def _one_active_token(self, bench: SqlBench) -> None:
        bench.inventory.add(tokens(1), "importer")
        signing_seeds(bench)

    @pytest.mark.parametrize("profile", SigningProfile)
    def test_one_challenge_is_answered_once_by_many_requests(
        self, bench: SqlBench, profile: SigningProfile
    ) -> None:
        signed = challenge(bench, profile=profile)
        told = self._all_at_once(bench, lambda _: signature_of(signed), profile)
        assert told[Outcome.ACCEPTED] == 1
        assert told.keys() <= {Outcome.ACCEPTED, ChallengeOver}
        assert challenge_rows(bench)[0][0] == "USED"
        assert bench.rows("receipts")[0]["last_number"] == 1

    def test_one_request_sent_many_times_has_one_answer(self, bench: SqlBench) -> None:
        claim = signature_of(challenge(bench))
        told = self._all_at_once(bench, lambda _: again(claim), SigningProfile.SCANNED)
        assert told == {Outcome.ACCEPTED: THREADS}
        assert bench.rows("receipts")[0]["last_number"] == 1
        assert len(bench.rows("requests")) == 1

    def test_two_challenges_and_one_step_are_accepted_once(self, bench: SqlBench) -> None:
        typed = SigningProfile.TYPED
        both = [challenge(bench, profile=typed), challenge(bench, profile=typed)]
        told = self._all_at_once(bench, lambda n: signature_of(both[n % 2]), typed)
        assert told[Outcome.ACCEPTED] == 1
        assert told.keys() <= {Outcome.ACCEPTED, Outcome.REPLAYED, ChallengeOver}
        assert sorted(state for state, _ in challenge_rows(bench)) == ["OPEN", "USED"]
        assert watermarks(bench) == [42]

    def test_logins_beside_them_lose_nothing(self, bench: SqlBench) -> None:
        signed = challenge(bench)
        told = self._all_at_once(
            bench,
            lambda n: signature_of(signed) if n % 2 else claim_of(customer(0)),
            SigningProfile.SCANNED,
        )
        assert told[Outcome.ACCEPTED] == 1 + THREADS // 2
        assert all_rows(bench, "tokens")[0][0]["failures"] == 0

    def _all_at_once(
        self, bench: SqlBench, claim_for: Callable[[int], Claim], profile: SigningProfile
    ) -> Counter[object]:
        stores = [bench.another_store() for _ in range(4)]
        together = threading.Barrier(THREADS)

        def offer(number: int) -> object:
            claim = claim_for(number)
            together.wait()
            return _carried_through(stores[number % 4], claim, profile)

        with ThreadPoolExecutor(THREADS) as threads:
            return Counter(threads.map(offer, range(THREADS)))


def _carried_through(store: WaitedStore, claim: Claim, profile: SigningProfile) -> object:
    """Offer a right code, of step 42 where it has one, as the engine does; return the end."""
    while True:
        (answer,) = claim_all(store, [claim])
        if not isinstance(answer, Held):
            break
        # Whoever asks without a pause keeps the holder from settling.
        time.sleep(min(answer.seconds, 0.02))
    if isinstance(answer, Answered):
        return answer.verdict.outcome
    if not isinstance(answer, Granted):
        return kind(answer)
    (settled,) = settle_all(store, [_found(claim, answer, profile)])
    if not isinstance(settled, Settled):
        return type(settled)
    assert settled.verdict is not None
    return settled.verdict.outcome


def _found(claim: Claim, granted: Granted, profile: SigningProfile) -> Settlement:
    if claim.signed is None:
        return Settlement(claim, granted.token, Finding.FRESH, granted.token.last_step + 1, 0)
    assert granted.signing is not None
    if profile is SigningProfile.SCANNED:
        return Settlement(claim, granted.token, Finding.SIGNED)
    if granted.signing.token.last_step >= 42:
        return Settlement(claim, granted.token, Finding.SPENT)
    return Settlement(claim, granted.token, Finding.SIGNED, 42)


def _spoil(bench: SqlBench, signed: Challenge, part: str) -> None:
    match part:
        case "challenge":
            bench.database.run(
                "UPDATE challenges SET state = 'USED', used_by = request_id WHERE challenge_id = ?",
                signed.challenge_id,
            )
        case "step":
            bench.run("UPDATE signing_seeds SET last_step = 42 WHERE token_id = 'token-001'")
        case _:
            bench.run("DELETE FROM signing_seeds WHERE token_id = 'token-001'")


def _number(answer: object) -> int:
    """Return the number of an acceptance's receipt."""
    assert isinstance(answer, Settled)
    assert answer.verdict is not None
    assert answer.verdict.receipt is not None
    return answer.verdict.receipt.number
