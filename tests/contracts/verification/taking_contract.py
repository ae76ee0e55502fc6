# SPDX-License-Identifier: Apache-2.0
"""利用開始: a token of nobody's is a customer's, with all that goes with it, or nothing is."""

from __future__ import annotations

import pytest

from contracts.enrollment.enrollment_contract import issue
from contracts.sql_bench import SqlBench
from contracts.store_bench import LIMITS, again, answered, claim_of, granted, settle
from contracts.verification.consequence_bench import (
    NEW,
    NEXT,
    OTHER,
    PROPOSAL,
    STEP,
    accepted,
    acts,
    begin_exchange,
    change,
    give_second_seed,
    holder_of,
    in_stock,
    look,
    registering,
    remember,
    row_of,
    stock,
)
from contracts.verification.consequence_cases import (
    TAKEN,
    Meanwhile,
    changed,
    leaves_all_alone,
    run,
)
from contracts.verification.validity_contract import FUTURE
from kagimori.application.ports import (
    BySubscriber,
    Finding,
    Overslept,
)
from kagimori.domain.token import Kind
from support.tokens import SUBSCRIBER, token


class RegistrationContract:
    """利用開始: a token of nobody's is a customer's, and in use."""

    @pytest.fixture(autouse=True)
    def _tokens_in_stock(self, bench: SqlBench) -> None:
        stock(bench, in_stock(), in_stock(OTHER))

    def test_the_token_is_the_customers(self, bench: SqlBench) -> None:
        change(bench, NEW, "failures = 2, day_failures = 2, unlock_failures = 2, drift = 3")
        change(bench, NEW, "day = '2026-03-31'")
        told = accepted(bench, registering(bench))
        assert told.receipt is not None
        assert (str(told.receipt), told.attempts_left) == ("0000001", LIMITS.consecutive)
        row = row_of(bench, NEW)
        assert (row["state"], row["subscriber"]) == ("ACTIVE", SUBSCRIBER)
        assert bytes(row["row_mac"]) == b"mac of subscriber-1"
        assert (row["last_step"], row["drift"], row["generation"]) == (STEP, 0, 2)
        assert (row["lease"], row["lease_until"]) == (None, None)
        # Its own attempt is given back; what was wrong before counts for the day and longer.
        assert (row["failures"], row["day_failures"], row["unlock_failures"]) == (0, 2, 2)
        assert bytes(row["blob"]) == b"sealed"
        assert acts(bench) == [("VERIFY", NEW, "REGISTRATION", "ACCEPTED")]

    def test_so_is_the_seed_for_signing_that_came_with_it(self, bench: SqlBench) -> None:
        for serial in (NEW, OTHER):
            give_second_seed(bench, serial)
        accepted(bench, registering(bench))
        macs = {row["token_id"]: bytes(row["row_mac"]) for row in look(bench, "signing_seeds")}
        assert macs == {
            f"token-{NEW}": b"second mac of subscriber-1",
            f"token-{OTHER}": b"mac in stock",
        }

    def test_nothing_is_if_that_seed_is_another_by_then(self, bench: SqlBench) -> None:
        give_second_seed(bench, NEW)
        another = run("UPDATE signing_seeds SET row_mac = 'another'")
        leaves_all_alone(bench, registering(bench), another)

    @pytest.mark.parametrize("login_otp", [True, False])
    def test_the_choice_is_kept_and_the_tries_begin_anew(
        self, bench: SqlBench, *, login_otp: bool
    ) -> None:
        remember(bench, login_otp=not login_otp)
        accepted(bench, registering(bench, login_otp=login_otp))
        (row,) = look(bench, "registrations")
        assert (row["login_otp"], row["day_tries"]) == (int(login_otp), 0)
        assert (str(row["day"]), str(row["last_try"])) == ("2026-03-31", PROPOSAL)

    def test_the_choice_of_somebody_who_never_tried_is_kept_too(self, bench: SqlBench) -> None:
        accepted(bench, registering(bench))
        accepted(bench, registering(bench, OTHER, NEXT, login_otp=False))
        rows = look(bench, "registrations")
        assert [(row["subscriber"], row["login_otp"]) for row in rows] == [
            (SUBSCRIBER, 1),
            (NEXT, 0),
        ]

    @pytest.mark.parametrize(
        ("kind", "not_after"), [(Kind.SOFTWARE, None), (Kind.HARDWARE, FUTURE)]
    )
    def test_an_apps_token_is_claimed_for_good_and_a_vendors_word_stands(
        self, bench: SqlBench, kind: Kind, not_after: int | None
    ) -> None:
        stock(bench, in_stock("APP", kind=kind))
        change(bench, "APP", f"not_after = {FUTURE}")
        accepted(bench, registering(bench, "APP"))
        assert row_of(bench, "APP")["not_after"] == not_after

    def test_a_returned_token_is_the_next_customers_above_what_was_spent(
        self, bench: SqlBench
    ) -> None:
        change(bench, NEW, f"state = 'RETURNED', last_step = {STEP}")
        leaves_all_alone(bench, registering(bench), lambda _: None, STEP)
        bench.expire_leases()
        accepted(bench, registering(bench), STEP + 1)
        assert holder_of(bench) == [(NEW, "ACTIVE")]

    def test_it_verifies_from_then_on_and_its_code_is_spent(self, bench: SqlBench) -> None:
        accepted(bench, registering(bench))
        for step, is_good in ((STEP, False), (STEP + 1, True)):
            login = claim_of(BySubscriber(SUBSCRIBER))
            told = settle(bench, login, granted(bench, login), Finding.FRESH, step)
            assert (told != Overslept()) == is_good
            bench.expire_leases()

    def test_the_same_request_has_the_same_answer(self, bench: SqlBench) -> None:
        claim = registering(bench)
        told = accepted(bench, claim)
        # By then there is nothing to prepare: the token is the customer's.
        assert answered(bench, again(claim, consequence=None)) == told
        assert answered(bench, again(claim)) == told
        assert len(acts(bench)) == 1

    def test_an_exchange_that_was_left_open_is_over(self, bench: SqlBench) -> None:
        begin_exchange(bench, OTHER)
        accepted(bench, registering(bench))
        assert not look(bench, "replacements")

    @pytest.mark.parametrize("meanwhile", TAKEN.values(), ids=TAKEN)
    def test_goes_by_the_token_as_it_was_read(self, bench: SqlBench, meanwhile: Meanwhile) -> None:
        leaves_all_alone(bench, registering(bench), meanwhile)

    def test_prepared_for_what_it_was_before_the_claim_it_changes_nothing(
        self, bench: SqlBench
    ) -> None:
        claim = registering(bench)
        change(bench, NEW, "row_mac = 'another'")
        leaves_all_alone(bench, claim, lambda _: None)

    def test_a_customer_has_no_second_token(self, bench: SqlBench) -> None:
        stock(bench, token())
        leaves_all_alone(bench, registering(bench), lambda _: None)

    def test_nor_one_that_came_meanwhile(self, bench: SqlBench) -> None:
        leaves_all_alone(
            bench,
            registering(bench),
            changed(OTHER, f"state = 'ASSIGNED', subscriber = '{SUBSCRIBER}'"),
        )

    def test_nor_one_while_another_is_on_its_way(self, bench: SqlBench) -> None:
        leaves_all_alone(bench, registering(bench), issue)

    @pytest.mark.parametrize("ends", ["deadline = 1", "state = 'VOID'"])
    def test_an_issue_that_is_void_is_in_nobodys_way(self, bench: SqlBench, ends: str) -> None:
        issue(bench)
        bench.run(f"UPDATE enrollments SET {ends}")  # noqa: S608 - our own
        before = look(bench, "enrollments")
        accepted(bench, registering(bench))
        assert look(bench, "enrollments") == before

    def test_what_failed_goes_on_under_its_request_id_when_it_is_prepared_anew(
        self, bench: SqlBench
    ) -> None:
        claim = registering(bench)
        leaves_all_alone(bench, claim, changed(NEW, "row_mac = 'sealed anew'"))
        bench.expire_leases()
        anew = again(claim, consequence=registering(bench).consequence)
        accepted(bench, anew)
        assert row_of(bench, NEW)["failures"] == 0
        assert row_of(bench, NEW)["unlock_failures"] == 0
