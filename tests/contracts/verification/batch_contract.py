# SPDX-License-Identifier: Apache-2.0
"""What a `VerificationStore` does with many at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import (
    LIMITS,
    Bench,
    again,
    claim_all,
    claim_of,
    settle_all,
)
from kagimori.application.deliveries.ports import Added
from kagimori.application.ports import (
    Answered,
    BySerial,
    BySubscriber,
    Claim,
    ClaimAnswer,
    Finding,
    Granted,
    GrantedUnknown,
    Held,
    Overslept,
    Refused,
    SettleAnswer,
    Settled,
    Settlement,
)
from kagimori.domain.errors import StoreUnavailable
from kagimori.domain.outcome import Outcome
from kagimori.domain.token import Token
from support.tokens import OTHER_TENANT, TENANT, identity, token

MANY = 64
FINDINGS = [Finding.FRESH, Finding.SPENT, Finding.NONE, Finding.NO_RESULT, Finding.BROKEN_OFF]


def customer(number: int) -> BySubscriber:
    return BySubscriber(f"customer-{number:03d}")


def tokens(count: int, tenant: str = TENANT) -> list[Token]:
    return [
        token(
            identity(
                tenant=tenant,
                token_id=f"token-{number:03d}",
                serial=f"S{number:03d}",
                subscriber=customer(number).value,
            )
        )
        for number in range(count)
    ]


def claims_of(numbers: Sequence[int], **changes: Any) -> list[Claim]:  # noqa: ANN401 - any field
    return [claim_of(customer(number), **changes) for number in numbers]


def found(
    claims: Sequence[Claim], answers: Sequence[ClaimAnswer], findings: Sequence[Finding]
) -> list[Settlement]:
    """Return what to settle after each claim was granted."""
    settlements = []
    for claim, answer, finding in zip(claims, answers, findings, strict=True):
        assert isinstance(answer, Granted), answer
        fresh = finding is Finding.FRESH
        settlements.append(
            Settlement(claim, answer.token, finding, 7 if fresh else None, 0 if fresh else None)
        )
    return settlements


def outcomes(answers: Sequence[SettleAnswer]) -> list[Outcome | None]:
    told: list[Outcome | None] = []
    for answer in answers:
        assert isinstance(answer, Settled), answer
        told.append(answer.verdict.outcome if answer.verdict else None)
    return told


class BatchContract:
    @pytest.fixture(autouse=True)
    def _many_active_tokens(self, bench: Bench) -> None:
        bench.inventory.add(tokens(MANY), "importer")

    def test_nothing_is_nothing(self, bench: Bench) -> None:
        assert bench.store.commit([], []) == ([], [])

    def test_many_claims_are_answered_in_their_order(self, bench: Bench) -> None:
        numbers = [*range(MANY - 1, -1, -1)]
        answers = claim_all(bench.store, claims_of(numbers))
        names = [a.token.identity.subscriber for a in answers if isinstance(a, Granted)]
        assert names == [customer(number).value for number in numbers]
        assert {row["failures"] for row in bench.rows("tokens")} == {1}

    def test_all_findings_together(self, bench: Bench) -> None:
        claims = claims_of(range(len(FINDINGS)))
        granted = claim_all(bench.store, claims)
        answers = settle_all(bench.store, found(claims, granted, FINDINGS))
        assert outcomes(answers) == [
            Outcome.ACCEPTED, Outcome.REPLAYED, Outcome.REJECTED, None, None,
        ]  # fmt: skip
        rows = bench.rows("tokens")[: len(FINDINGS)]
        assert [row["failures"] for row in rows] == [0, 0, 1, 0, 1]
        assert [row["last_step"] for row in rows] == [7, -1, -1, -1, -1]
        assert [row["lease"] for row in rows[:4]] == [None] * 4
        assert rows[4]["lease"] == str(claims[4].lease)
        states = Counter(row["state"] for row in bench.rows("requests"))
        assert states == {"DONE": 3, "PENDING": 1}

    def test_receipt_numbers_rise_in_the_order_of_the_batch(self, bench: Bench) -> None:
        bench.inventory.add(tokens(3, OTHER_TENANT), "importer")
        claims = [
            *claims_of([0, 1]),
            *claims_of([2], tenant=OTHER_TENANT),
            *claims_of([3]),
        ]
        for expected in ([1, 2, 1, 3], [4, 5, 2, 6]):
            claims = [replace(again(claim), request_id=claim_of().request_id) for claim in claims]
            granted = claim_all(bench.store, claims)
            settlements = [
                replace(settlement, step=sum(expected))
                for settlement in found(claims, granted, [Finding.FRESH] * 4)
            ]
            receipts = [
                answer.verdict.receipt.number
                for answer in settle_all(bench.store, settlements)
                if isinstance(answer, Settled) and answer.verdict and answer.verdict.receipt
            ]
            assert receipts == expected
        numbers = [
            row["receipt_number"]
            for row in bench.rows("audit")
            if row["tenant"] == TENANT and row["action"] == "VERIFY"
        ]
        assert numbers == [1, 2, 3, 4, 5, 6]

    def test_a_settlement_frees_the_token_for_a_claim_of_the_same_commit(
        self, bench: Bench
    ) -> None:
        first, second = claims_of([0, 0])
        settlements = found([first], claim_all(bench.store, [first]), [Finding.FRESH])
        (settled,), (answer,) = bench.store.commit(settlements, [second])
        assert outcomes([settled]) == [Outcome.ACCEPTED]
        assert isinstance(answer, Granted)
        assert answer.token.last_step == 7
        assert bench.rows("tokens")[0]["failures"] == 1

    def test_a_settled_request_answers_a_claim_of_the_same_commit(self, bench: Bench) -> None:
        (claim,) = claims_of([0])
        settlements = found([claim], claim_all(bench.store, [claim]), [Finding.FRESH])
        (settled,), (answer,) = bench.store.commit(settlements, [again(claim)])
        assert isinstance(settled, Settled)
        assert settled.verdict is not None
        assert answer == Answered(settled.verdict)

    def test_one_token_under_two_names_is_taken_once(self, bench: Bench) -> None:
        by_name, by_serial = claim_of(customer(0)), claim_of(BySerial("S000"))
        first, second = claim_all(bench.store, [by_name, by_serial])
        assert isinstance(first, Granted)
        assert isinstance(second, Held)
        assert 0 < second.seconds <= 5
        assert bench.rows("tokens")[0]["lease"] == str(by_name.lease)
        assert [row["request_id"] for row in bench.rows("requests")] == [str(by_name.request_id)]

    def test_one_request_twice_is_looked_at_once(self, bench: Bench) -> None:
        (claim,) = claims_of([0])
        other = again(claim, fingerprint=b"\1" * 32)
        first, second = claim_all(bench.store, [claim, other])
        assert isinstance(first, Granted)
        assert isinstance(second, Held)
        assert bench.rows("requests")[0]["fingerprint"] == claim.fingerprint.hex()

    def test_one_search_is_settled_once(self, bench: Bench) -> None:
        (claim,) = claims_of([0])
        (settlement,) = found([claim], claim_all(bench.store, [claim]), [Finding.FRESH])
        first, second = settle_all(bench.store, [settlement, settlement])
        assert outcomes([first]) == [Outcome.ACCEPTED]
        assert second == Overslept()
        assert bench.rows("receipts")[0]["last_number"] == 1
        verified = [row for row in bench.rows("audit") if row["action"] == "VERIFY"]
        assert len(verified) == 1

    def test_every_kind_of_claim_together(self, bench: Bench) -> None:
        done, running, resumed = claims_of([0, 1, 2])
        granted = claim_all(bench.store, [done, running, resumed])
        settle_all(bench.store, found([resumed], granted[2:], [Finding.BROKEN_OFF]))
        (accepted,) = settle_all(bench.store, found([done], granted[:1], [Finding.FRESH]))
        assert isinstance(accepted, Settled)
        assert accepted.verdict is not None
        answers = claim_all(
            bench.store,
            [
                again(done),
                again(running),
                again(resumed),
                again(done, request_id=running.request_id, fingerprint=b"\1" * 32),
                claim_of(customer(3)),
                claim_of(customer(4), code_length=8),
                claim_of(BySubscriber("nobody")),
                claim_of(customer(1)),
            ],
        )
        assert answers[0] == Answered(accepted.verdict)
        kinds = [type(answer) for answer in answers[1:]]
        assert kinds == [Held, Granted, Held, Granted, Refused, GrantedUnknown, Held]
        assert [row["failures"] for row in bench.rows("tokens")[:5]] == [0, 1, 1, 1, 0]

    def test_many_guesses_at_one_locked_token_are_all_answered(self, bench: Bench) -> None:
        bench.change("tokens", failures=LIMITS.consecutive)
        claims = claims_of(range(MANY))
        answers = claim_all(bench.store, claims)
        assert {a.verdict.outcome for a in answers if isinstance(a, Answered)} == {Outcome.LOCKED}
        assert {row["state"] for row in bench.rows("tokens")} == {"LOCKED"}
        assert {row["generation"] for row in bench.rows("tokens")} == {2}
        assert claim_all(bench.store, [again(claim) for claim in claims]) == answers

    def test_an_item_that_cannot_be_written_harms_no_neighbour(self, bench: Bench) -> None:
        good, bad, settled = claims_of([0, 1, 2])
        settlements = found([settled], claim_all(bench.store, [settled]), [Finding.FRESH])
        bad = again(bad, operation="SIGHTSEEING")
        wrong = Settlement(bad, token(), Finding.UNKNOWN)
        (accepted, nonsense), (first, refused) = bench.store.commit(
            [*settlements, wrong], [good, bad]
        )
        assert outcomes([accepted]) == [Outcome.ACCEPTED]
        assert nonsense == Overslept()
        assert isinstance(first, Granted)
        assert isinstance(refused, Refused)
        assert isinstance(refused.error, StoreUnavailable)
        assert "customer" not in str(refused.error)

    @pytest.mark.parametrize("finding", FINDINGS)
    def test_statements_do_not_grow_with_the_batch(self, bench: SqlBench, finding: Finding) -> None:
        few = self._statements(bench, finding, range(1))
        many = self._statements(bench, finding, range(1, MANY))
        assert many == few
        assert few <= 13

    def _statements(self, bench: SqlBench, finding: Finding, numbers: Sequence[int]) -> int:
        claims = claims_of(numbers)
        settlements = found(claims, claim_all(bench.store, claims), [finding] * len(claims))
        with bench.statements() as statements:
            bench.store.commit(settlements, claims_of(numbers))
        return len(statements)

    def test_answers_do_not_cost_a_statement_each_either(self, bench: SqlBench) -> None:
        bench.change("tokens", state="LOCKED")
        counts = []
        for numbers in (range(1), range(1, MANY)):
            for claims in (claims_of(numbers), claims_of(numbers)):
                with bench.statements() as statements:
                    claim_all(bench.store, claims)
                counts.append(len(statements))
        assert len(set(counts)) == 1


class CrowdContract:
    """Many processes that want the same rows in any order."""

    @pytest.fixture(autouse=True)
    def _tokens(self, bench: Bench) -> None:
        bench.inventory.add(tokens(16), "importer")

    def test_opposite_orders_neither_block_nor_lose_anything(self, bench: Bench) -> None:
        requests = claims_of(range(16))
        together = threading.Barrier(4)
        accepted: list[str] = []

        def work(worker: int) -> None:
            store = bench.another_store()
            order = requests if worker % 2 else requests[::-1]
            settlements: list[Settlement] = []
            together.wait()
            for turn in range(12):
                claims = [
                    again(claim)
                    if turn % 3
                    else replace(again(claim), request_id=claim_of().request_id)
                    for claim in order
                ]
                settled, answers = store.commit(settlements, claims)
                accepted.extend(
                    settlement.claim.subject.value
                    for settlement, answer in zip(settlements, settled, strict=True)
                    if isinstance(answer, Settled)
                )
                settlements = [
                    Settlement(claim, a.token, Finding.FRESH, a.token.last_step + 1, 0)
                    for claim, a in zip(claims, answers, strict=True)
                    if isinstance(a, Granted)
                ]
            settled, _ = store.commit(settlements, [])
            accepted.extend(
                settlement.claim.subject.value
                for settlement, answer in zip(settlements, settled, strict=True)
                if isinstance(answer, Settled)
            )

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(work, range(4)))
        counts = Counter(accepted)
        rows = {row["subscriber"]: row for row in bench.rows("tokens")}
        assert {name: row["last_step"] + 1 for name, row in rows.items()} == {
            name: counts[name] for name in rows
        }
        assert {row["failures"] for row in rows.values()} == {0}
        numbers = [
            row["receipt_number"] for row in bench.rows("audit") if row["action"] == "VERIFY"
        ]
        assert sorted(numbers) == [*range(1, len(accepted) + 1)]

    def test_an_import_beside_them_takes_its_turn(self, bench: Bench) -> None:
        def bring(number: int) -> int:
            newcomers = [
                token(identity(token_id=f"new-{number}-{n}", serial=f"N{n}", subscriber=f"n{n}"))
                for n in range(20)[:: 1 if number else -1]
            ]
            answers = bench.another_inventory().add(newcomers, "importer")
            return len([answer for answer in answers if isinstance(answer, Added)])

        def verify(_number: int) -> int:
            claims = claims_of(range(16))
            store = bench.another_store()
            answers = claim_all(store, claims)
            settle_all(store, found(claims, answers, [Finding.FRESH] * 16))
            return 0

        with ThreadPoolExecutor(3) as threads:
            brought = [threads.submit(bring, number) for number in range(2)]
            verified = threads.submit(verify, 0)
            assert sum(future.result() for future in brought) == 20
            verified.result()
        assert len(bench.rows("tokens")) == 36
