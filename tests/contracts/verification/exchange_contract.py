# SPDX-License-Identifier: Apache-2.0
"""交換: begun by a code of the old token, completed by one of the new: both move, or neither."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import again, answered, claim_of, granted, settle
from contracts.verification.consequence_bench import (
    NEW,
    NEXT,
    OTHER,
    PROPOSAL,
    STEP,
    WITHIN,
    accepted,
    acts,
    begin_exchange,
    beginning,
    change,
    concluding,
    everything,
    give_second_seed,
    holder_of,
    in_stock,
    look,
    remember,
    replacing,
    row_of,
    stock,
)
from contracts.verification.consequence_cases import (
    DONE,
    HELD,
    TAKEN,
    Meanwhile,
    changed,
    leaves_all_alone,
    run,
)
from kagimori.application.consequences import ReplacementBegun
from kagimori.application.ports import (
    Finding,
    Overslept,
)
from kagimori.domain.lifecycle import State
from kagimori.domain.policy import Operation
from support.tokens import SERIAL, SUBSCRIBER, identity, token


class BeginningContract:
    """交換, first step: the customer's token may be replaced."""

    @pytest.fixture(autouse=True)
    def _one_customer(self, bench: SqlBench) -> None:
        stock(bench, token())

    def test_the_exchange_is_open_for_so_long(self, bench: SqlBench) -> None:
        accepted(bench, beginning())
        (row,) = look(bench, "replacements")
        assert (row["state"], row["token_id"], row["serial_before"]) == ("BEGUN", "token-1", SERIAL)
        assert row["complete_by"] - row["begun_at"] == WITHIN / timedelta(microseconds=1)
        (request,) = look(bench, "requests")
        assert row["begun_at"] == request["decided_at"]
        assert (row["proposal_id"], row["request_id"], row["serial_after"]) == (None, None, None)

    def test_the_code_is_spent_and_the_token_stays_in_use(self, bench: SqlBench) -> None:
        before = dict(row_of(bench, SERIAL))
        accepted(bench, beginning())
        row = dict(row_of(bench, SERIAL))
        assert row == before | {"last_step": STEP, "day": row["day"]}
        assert acts(bench) == [("VERIFY", SERIAL, "REPLACE_OLD", "ACCEPTED")]

    def test_it_takes_the_place_of_what_was_there(self, bench: SqlBench) -> None:
        begin_exchange(bench, proposal=PROPOSAL, complete_by=5)
        bench.run(f"UPDATE replacements SET {DONE}, token_id = 'token-0'")  # noqa: S608 - our own
        accepted(bench, beginning())
        (row,) = look(bench, "replacements")
        assert (row["state"], row["token_id"]) == ("BEGUN", "token-1")
        assert (row["proposal_id"], row["request_id"], row["serial_after"]) == (None, None, None)

    def test_the_same_request_does_not_begin_it_anew(self, bench: SqlBench) -> None:
        claim = beginning()
        told = accepted(bench, claim)
        before = look(bench, "replacements")
        assert answered(bench, again(claim)) == told
        assert look(bench, "replacements") == before

    @pytest.mark.parametrize("meanwhile", HELD.values(), ids=HELD)
    def test_goes_by_the_token_as_it_was_claimed(
        self, bench: SqlBench, meanwhile: Meanwhile
    ) -> None:
        leaves_all_alone(bench, beginning(), meanwhile)

    def test_is_about_the_customer_whose_code_it_is(self, bench: SqlBench) -> None:
        claim = concluding(Operation.REPLACE_OLD, ReplacementBegun(NEXT, WITHIN))
        leaves_all_alone(bench, claim, lambda _: None)


class ReplacementContract:
    """交換, second step: one token for the other."""

    @pytest.fixture(autouse=True)
    def _one_exchange(self, bench: SqlBench) -> None:
        stock(bench, token(), in_stock(), in_stock(OTHER))
        begin_exchange(bench)

    def test_both_tokens_move(self, bench: SqlBench) -> None:
        change(bench, SERIAL, "last_step = 30, drift = 2, failures = 1, unlock_failures = 3")
        claim = replacing(bench)
        told = accepted(bench, claim)
        assert told.receipt is not None
        assert holder_of(bench) == [(NEW, "ACTIVE")]
        new, old = row_of(bench, NEW), row_of(bench, SERIAL)
        assert (new["last_step"], new["failures"], new["generation"]) == (STEP, 0, 2)
        assert bytes(new["row_mac"]) == b"mac of subscriber-1"
        assert (old["state"], old["subscriber"], old["generation"]) == ("RETURNED", None, 2)
        assert (bytes(old["row_mac"]), bytes(old["blob"])) == (b"mac of nobody", b"sealed")
        assert (old["last_step"], old["drift"]) == (30, 2)
        assert (old["failures"], old["unlock_failures"], old["lease"]) == (0, 3, None)
        (exchange,) = look(bench, "replacements")
        assert (exchange["state"], exchange["serial_before"]) == ("DONE", SERIAL)
        assert (exchange["request_id"], exchange["serial_after"]) == (claim.request_id, NEW)

    def test_the_audit_knows_both(self, bench: SqlBench) -> None:
        claim = replacing(bench)
        accepted(bench, claim)
        assert acts(bench) == [
            ("RETURN", SERIAL, None, None),
            ("VERIFY", NEW, "REPLACE_NEW", "ACCEPTED"),
        ]
        given, took = bench.rows("audit")[-2:]
        assert given["request_id"] == took["request_id"] == claim.request_id
        assert given["actor"] == took["actor"] == claim.caller
        assert given["token_id"] == "token-1"

    def test_an_apps_token_is_destroyed_with_both_seeds(self, bench: SqlBench) -> None:
        change(bench, SERIAL, "kind = 'SOFTWARE'")
        for serial in (SERIAL, NEW):
            give_second_seed(bench, serial)
        accepted(bench, replacing(bench, becomes=State.RETIRED))
        old = row_of(bench, SERIAL)
        assert (old["state"], old["subscriber"]) == ("RETIRED", None)
        assert (bytes(old["blob"]), bytes(old["row_mac"])) == (b"", b"")
        (second,) = look(bench, "signing_seeds")
        assert second["token_id"] == f"token-{NEW}"
        assert bytes(second["row_mac"]) == b"second mac of subscriber-1"
        assert acts(bench)[0] == ("RETIRE", SERIAL, None, None)

    def test_the_choice_stays_and_the_tries_begin_anew(self, bench: SqlBench) -> None:
        for subscriber in (SUBSCRIBER, NEXT):
            remember(bench, subscriber, tries=4)
        accepted(bench, replacing(bench))
        rows = look(bench, "registrations")
        assert [(row["login_otp"], row["day_tries"]) for row in rows] == [(1, 0), (1, 4)]

    def test_the_same_request_has_the_same_answer(self, bench: SqlBench) -> None:
        claim = replacing(bench)
        told = accepted(bench, claim)
        before = everything(bench)
        assert answered(bench, again(claim, consequence=None)) == told
        assert everything(bench) == before

    def test_old_codes_are_nobodys_from_then_on(self, bench: SqlBench) -> None:
        login = claim_of()
        found = granted(bench, login)
        accepted(bench, replacing(bench))
        assert settle(bench, login, found, Finding.FRESH, STEP) == Overslept()
        assert row_of(bench, SERIAL)["last_step"] == -1

    def test_an_exchange_of_two_persons_ends_a_locked_token_for_good(self, bench: SqlBench) -> None:
        bench.run(f"UPDATE replacements SET proposal_id = '{PROPOSAL}'")  # noqa: S608 - our own
        change(bench, SERIAL, "state = 'LOCKED', failures = 5")
        accepted(bench, replacing(bench, becomes=State.RETIRED))
        assert holder_of(bench) == [(NEW, "ACTIVE")]
        assert row_of(bench, SERIAL)["state"] == "RETIRED"
        (exchange,) = look(bench, "replacements")
        assert (exchange["state"], exchange["proposal_id"]) == ("DONE", PROPOSAL)

    def test_a_token_that_nobody_has_in_hand_comes_not_into_stock(self, bench: SqlBench) -> None:
        bench.run(f"UPDATE replacements SET proposal_id = '{PROPOSAL}'")  # noqa: S608 - our own
        leaves_all_alone(bench, replacing(bench), lambda _: None)

    @pytest.mark.parametrize("becomes", [State.RETURNED, State.RETIRED])
    def test_one_person_alone_ends_no_locked_token(self, bench: SqlBench, becomes: State) -> None:
        change(bench, SERIAL, "state = 'LOCKED'")
        leaves_all_alone(bench, replacing(bench, becomes=becomes), lambda _: None)

    @pytest.mark.parametrize("state", ["ASSIGNED", "BARRED"])
    def test_nor_do_two_a_token_that_was_never_in_use(self, bench: SqlBench, state: str) -> None:
        bench.run(f"UPDATE replacements SET proposal_id = '{PROPOSAL}'")  # noqa: S608 - our own
        change(bench, SERIAL, f"state = '{state}'")
        leaves_all_alone(bench, replacing(bench, becomes=State.RETIRED), lambda _: None)

    def test_an_apps_token_comes_not_into_stock(self, bench: SqlBench) -> None:
        change(bench, SERIAL, "kind = 'SOFTWARE'")
        leaves_all_alone(bench, replacing(bench), lambda _: None)

    @pytest.mark.parametrize(
        "changes",
        [
            "complete_by = 1",
            "token_id = 'token-0'",
            f"subscriber = '{NEXT}'",
            DONE,
        ],
    )
    def test_goes_by_an_exchange_that_is_open_and_about_this_token(
        self, bench: SqlBench, changes: str
    ) -> None:
        leaves_all_alone(
            bench,
            replacing(bench),
            run(f"UPDATE replacements SET {changes}"),  # noqa: S608 - our own
        )

    def test_not_without_one(self, bench: SqlBench) -> None:
        leaves_all_alone(bench, replacing(bench), run("DELETE FROM replacements"))

    @pytest.mark.parametrize("meanwhile", TAKEN.values(), ids=TAKEN)
    def test_goes_by_the_new_token_as_it_was_read(
        self, bench: SqlBench, meanwhile: Meanwhile
    ) -> None:
        leaves_all_alone(bench, replacing(bench), meanwhile)
        assert holder_of(bench) == [(SERIAL, "ACTIVE")]

    @pytest.mark.parametrize(
        "changes",
        [
            "generation = 2",
            "state = 'LOCKED'",
            "row_mac = 'another'",
            "blob = 'another'",
            f"subscriber = '{NEXT}'",
            "state = 'RETURNED', subscriber = NULL",
        ],
    )
    def test_goes_by_the_old_token_as_it_was_read(self, bench: SqlBench, changes: str) -> None:
        leaves_all_alone(bench, replacing(bench), changed(SERIAL, changes))

    def test_what_was_spent_of_the_old_one_meanwhile_stays_spent(self, bench: SqlBench) -> None:
        claim = replacing(bench)
        found = granted(bench, claim)
        login = claim_of()
        settle(bench, login, granted(bench, login), Finding.FRESH, 40)
        assert settle(bench, claim, found, Finding.FRESH, STEP) != Overslept()
        old = row_of(bench, SERIAL)
        assert (old["state"], old["last_step"]) == ("RETURNED", 40)

    def test_another_customers_token_is_not_given_up(self, bench: SqlBench) -> None:
        theirs = identity(token_id="token-9", serial="THEIRS", subscriber=NEXT)
        stock(bench, token(theirs))
        bench.run("UPDATE replacements SET token_id = 'token-9'")
        leaves_all_alone(bench, replacing(bench, old="THEIRS"), lambda _: None)
