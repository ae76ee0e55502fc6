# SPDX-License-Identifier: Apache-2.0
"""利用中止, and what holds of all that an accepted code brings about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import Row, again, answered, claim_of, granted, settle
from contracts.verification.consequence_bench import (
    NEW,
    NEXT,
    OTHER,
    STEP,
    accepted,
    acts,
    begin_exchange,
    beginning,
    change,
    concluding,
    give_second_seed,
    given_up,
    holder_of,
    in_stock,
    look,
    registering,
    remember,
    replacing,
    right_code,
    row_of,
    seen,
    stock,
    taken,
    terminating,
)
from contracts.verification.consequence_cases import HELD, Meanwhile, leaves_all_alone
from kagimori.application.consequences import Replaced, Terminated
from kagimori.application.ports import (
    BySerial,
    Finding,
    Granted,
    Overslept,
    Settlement,
)
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome
from kagimori.domain.policy import Operation
from support.tokens import SERIAL, SUBSCRIBER, identity, token


class TerminationContract:
    """利用中止: the customer has nothing any more."""

    @pytest.fixture(autouse=True)
    def _one_customer(self, bench: SqlBench) -> None:
        stock(bench, token(), in_stock())
        begin_exchange(bench)
        for subscriber in (SUBSCRIBER, NEXT):
            remember(bench, subscriber, tries=2)

    def test_a_hardware_token_comes_into_stock_with_its_code_spent(self, bench: SqlBench) -> None:
        change(bench, SERIAL, "unlock_failures = 3")
        assert accepted(bench, terminating(bench)).receipt is not None
        row = row_of(bench, SERIAL)
        assert (row["state"], row["subscriber"], row["generation"]) == ("RETURNED", None, 2)
        assert (bytes(row["row_mac"]), bytes(row["blob"])) == (b"mac of nobody", b"sealed")
        assert (row["last_step"], row["failures"], row["unlock_failures"]) == (STEP, 0, 3)
        assert (row["lease"], row["lease_until"]) == (None, None)
        assert acts(bench) == [
            ("RETURN", SERIAL, None, None),
            ("VERIFY", SERIAL, "TERMINATION", "ACCEPTED"),
        ]

    def test_an_apps_token_is_destroyed_with_both_seeds(self, bench: SqlBench) -> None:
        change(bench, SERIAL, "kind = 'SOFTWARE'")
        give_second_seed(bench, SERIAL)
        accepted(bench, terminating(bench, State.RETIRED))
        row = row_of(bench, SERIAL)
        assert (row["state"], row["subscriber"], row["last_step"]) == ("RETIRED", None, STEP)
        assert (bytes(row["blob"]), bytes(row["row_mac"])) == (b"", b"")
        assert not look(bench, "signing_seeds")
        assert acts(bench)[0] == ("RETIRE", SERIAL, None, None)

    def test_choice_and_exchange_are_no_more(self, bench: SqlBench) -> None:
        begin_exchange(bench, NEW, subscriber=NEXT)
        accepted(bench, terminating(bench))
        assert [row["subscriber"] for row in look(bench, "replacements")] == [NEXT]
        rows = look(bench, "registrations")
        assert [(row["login_otp"], row["day_tries"]) for row in rows] == [(0, 2), (1, 2)]

    def test_the_same_request_has_the_same_answer(self, bench: SqlBench) -> None:
        claim = terminating(bench)
        told = accepted(bench, claim)
        assert answered(bench, again(claim, consequence=None)) == told
        assert len(acts(bench)) == 2

    def test_the_next_customer_may_register_it(self, bench: SqlBench) -> None:
        accepted(bench, terminating(bench))
        accepted(bench, registering(bench, SERIAL, NEXT), STEP + 1)
        assert holder_of(bench, NEXT) == [(SERIAL, "ACTIVE")]

    @pytest.mark.parametrize("meanwhile", HELD.values(), ids=HELD)
    def test_goes_by_the_token_as_it_was_read(self, bench: SqlBench, meanwhile: Meanwhile) -> None:
        leaves_all_alone(bench, terminating(bench), meanwhile)

    def test_an_apps_token_comes_not_into_stock(self, bench: SqlBench) -> None:
        change(bench, SERIAL, "kind = 'SOFTWARE'")
        leaves_all_alone(bench, terminating(bench), lambda _: None)

    def test_only_the_codes_own_token_ends(self, bench: SqlBench) -> None:
        theirs = identity(token_id="token-9", serial="THEIRS", subscriber=NEXT)
        stock(bench, token(theirs))
        claim = concluding(Operation.TERMINATION, Terminated(given_up(bench, "THEIRS")))
        leaves_all_alone(bench, claim, lambda _: None)


class FitContract:
    """An acceptance of these operations is nothing without what it brings about."""

    @pytest.fixture(autouse=True)
    def _one_exchange(self, bench: SqlBench) -> None:
        stock(bench, token(), in_stock(), in_stock(OTHER))
        begin_exchange(bench)

    @pytest.mark.parametrize(
        ("operation", "serial"),
        [
            (Operation.REGISTRATION, NEW),
            (Operation.REPLACE_OLD, None),
            (Operation.REPLACE_NEW, NEW),
            (Operation.TERMINATION, None),
        ],
    )
    def test_with_nothing_prepared_nothing_is_accepted(
        self, bench: SqlBench, operation: Operation, serial: str | None
    ) -> None:
        leaves_all_alone(bench, concluding(operation, None, serial), lambda _: None)
        # Nor with what was prepared for something else.
        bench.expire_leases()
        wrong = beginning() if operation is not Operation.REPLACE_OLD else terminating(bench)
        claim = concluding(operation, wrong.consequence, serial)
        leaves_all_alone(bench, claim, lambda _: None)

    def test_the_code_must_be_the_new_tokens(self, bench: SqlBench) -> None:
        replaced = Replaced(taken(bench, OTHER), given_up(bench))
        claim = concluding(Operation.REPLACE_NEW, replaced, NEW)
        leaves_all_alone(bench, claim, lambda _: None)

    @pytest.mark.parametrize("becomes", [State.RETIRED, State.RETURNED])
    def test_a_token_is_given_up_with_the_mac_that_it_needs(
        self, bench: SqlBench, becomes: State
    ) -> None:
        row_mac = None if becomes is State.RETURNED else b"mac of nobody"
        wrong = replace(given_up(bench), becomes=becomes, row_mac=row_mac)
        claim = concluding(Operation.REPLACE_NEW, Replaced(taken(bench), wrong), NEW)
        leaves_all_alone(bench, claim, lambda _: None)

    def test_one_that_fails_harms_no_neighbour(self, bench: SqlBench) -> None:
        bad, good, login = registering(bench), replacing(bench, OTHER), claim_of()
        claims = [bad, good, login]
        _, granted_ = bench.store.commit([], claims)
        tokens = [answer.token for answer in granted_ if isinstance(answer, Granted)]
        settlements = [
            Settlement(claim, found, Finding.FRESH, STEP, 0)
            for claim, found in zip(claims, tokens, strict=True)
        ]
        nobody = claim_of(BySerial("NOBODYS"))
        answers, (unknown,) = bench.store.commit([settlements[2], *settlements[:2]], [nobody])
        # The login was with the old token, which the exchange took in the same commit.
        assert answers[0] == answers[1] == Overslept()
        assert answers[2] != Overslept()
        assert type(unknown).__name__ == "GrantedUnknown"
        assert holder_of(bench) == [(OTHER, "ACTIVE")]

    def test_receipts_are_of_one_row_with_all_others(self, bench: SqlBench) -> None:
        numbers: list[int] = []
        for claim in (claim_of(), beginning(), registering(bench, subscriber=NEXT)):
            told = accepted(bench, claim, STEP + len(numbers))
            assert told.receipt is not None
            numbers.append(told.receipt.number)
        assert numbers == [1, 2, 3]

    def test_nothing_personal_is_written_down(self, bench: SqlBench) -> None:
        accepted(bench, replacing(bench))
        lines: list[Row] = list(bench.rows("audit"))
        assert not [line for line in lines if SUBSCRIBER in str(dict(line))]

    def test_a_wrong_code_brings_nothing_about(self, bench: SqlBench) -> None:
        for claim in (registering(bench, OTHER, NEXT), replacing(bench), terminating(bench)):
            told = settle(bench, claim, granted(bench, claim), Finding.NONE)
            assert told.verdict.outcome is Outcome.REJECTED  # type: ignore[union-attr]
        assert holder_of(bench) == [(SERIAL, "ACTIVE")]
        assert seen(bench, NEW).state is seen(bench, OTHER).state is State.IN_STOCK
        assert right_code(bench, replacing(bench)) != Overslept()
