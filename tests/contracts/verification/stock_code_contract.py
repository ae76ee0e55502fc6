# SPDX-License-Identifier: Apache-2.0
"""Codes of tokens that are nobody's: who finds them, and what wrong ones cost."""

from __future__ import annotations

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import (
    LIMITS,
    again,
    answered,
    ask,
    claim_of,
    granted,
    settle,
    verdict,
)
from contracts.verification.consequence_bench import (
    NEW,
    acts,
    change,
    concluding,
    in_stock,
    registering,
    row_of,
    stock,
)
from contracts.verification.validity_contract import FUTURE, PAST, set_from_now
from kagimori.application.ports import BySerial, Claim, Finding, GrantedUnknown, Held, Settled
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import TAKES_STOCK, Operation
from kagimori.domain.token import Kind
from support.tokens import OTHER_TENANT, SERIAL, token

STOCK = sorted(TAKES_STOCK)
# A signature names a challenge, and no serial number.
BOUND = sorted(set(Operation) - TAKES_STOCK - {Operation.SIGNATURE})
UNKNOWN = Verdict(Outcome.UNKNOWN_TOKEN)


def looking(serial: str = NEW, operation: Operation = Operation.REGISTRATION) -> Claim:
    """Return the claim of somebody who has nothing prepared."""
    return concluding(operation, None, serial)


def spent(bench: SqlBench) -> tuple[int, int, int]:
    row = row_of(bench, NEW)
    return row["failures"], row["day_failures"], row["unlock_failures"]


def wrong_code(bench: SqlBench) -> Verdict:
    claim = registering(bench)
    return verdict(bench, claim, granted(bench, claim), Finding.NONE)


class StockClaimContract:
    @pytest.fixture(autouse=True)
    def _tokens(self, bench: SqlBench) -> None:
        stock(bench, token(), in_stock(), in_stock("GONE"))
        stock(bench, in_stock("FOREIGN", tenant=OTHER_TENANT))
        bench.run("UPDATE tokens SET state = 'RETIRED', blob = '' WHERE serial = 'GONE'")

    @pytest.mark.parametrize("operation", STOCK)
    @pytest.mark.parametrize("state", [State.IN_STOCK, State.RETURNED])
    def test_a_token_of_nobodys_is_granted_and_pays(
        self, bench: SqlBench, operation: Operation, state: State
    ) -> None:
        change(bench, NEW, f"state = '{state}'")
        found = granted(bench, looking(operation=operation))
        assert (found.identity.serial, found.state, found.identity.subscriber) == (NEW, state, None)
        assert spent(bench) == (1, 1, 1)

    @pytest.mark.parametrize("operation", STOCK)
    @pytest.mark.parametrize("serial", ["NOBODYS", "FOREIGN", "GONE", SERIAL])
    def test_every_other_serial_is_one_and_the_same_unknown(
        self, bench: SqlBench, operation: Operation, serial: str
    ) -> None:
        claim = looking(serial, operation)
        assert ask(bench, claim) == GrantedUnknown()
        assert settle(bench, claim, None, Finding.UNKNOWN) == Settled(UNKNOWN)
        assert answered(bench, again(claim)) == UNKNOWN
        line = bench.rows("audit")[-1]
        assert (line["serial"], line["token_id"], line["operation"]) == (None, None, operation)
        assert {row["failures"] for row in bench.rows("tokens")} == {0}

    @pytest.mark.parametrize("operation", BOUND)
    def test_to_all_other_operations_it_is_unknown(
        self, bench: SqlBench, operation: Operation
    ) -> None:
        assert ask(bench, claim_of(BySerial(NEW), operation=operation)) == GrantedUnknown()

    @pytest.mark.parametrize("bounds", ["not_before", "not_after"])
    def test_a_hardware_token_out_of_its_time_is_not_active(
        self, bench: SqlBench, bounds: str
    ) -> None:
        change(bench, NEW, f"{bounds} = {FUTURE if bounds == 'not_before' else PAST}")
        assert answered(bench, looking()) == Verdict(Outcome.NOT_ACTIVE)
        assert spent(bench) == (0, 0, 0)

    def test_a_request_that_broke_off_goes_on_without_a_second_attempt(
        self, bench: SqlBench
    ) -> None:
        claim = looking()
        granted(bench, claim)
        bench.expire_leases()
        granted(bench, again(claim))
        assert spent(bench) == (1, 1, 1)

    def test_but_not_with_a_token_that_is_somebodys_by_then(self, bench: SqlBench) -> None:
        claim = looking()
        granted(bench, claim)
        bench.expire_leases()
        change(bench, NEW, "state = 'ACTIVE', subscriber = 'subscriber-9', generation = 2")
        assert ask(bench, again(claim)) == GrantedUnknown()


class UnclaimedContract:
    """An app's token waits for a customer for so long, and then is no token."""

    @pytest.fixture(autouse=True)
    def _one_token_of_an_app(self, bench: SqlBench) -> None:
        stock(bench, in_stock(kind=Kind.SOFTWARE))

    @pytest.mark.parametrize("operation", STOCK)
    def test_after_its_time_it_is_unknown(self, bench: SqlBench, operation: Operation) -> None:
        change(bench, NEW, f"not_after = {PAST}")
        claim = looking(operation=operation)
        assert ask(bench, claim) == GrantedUnknown()
        assert settle(bench, claim, None, Finding.UNKNOWN) == Settled(UNKNOWN)
        assert spent(bench) == (0, 0, 0)

    def test_its_last_attempt_spent_it_is_unknown_all_the_same(self, bench: SqlBench) -> None:
        change(bench, NEW, f"not_after = {PAST}, failures = {LIMITS.consecutive}")
        assert ask(bench, looking()) == GrantedUnknown()

    @pytest.mark.parametrize(("off", "is_known"), [(1, True), (0, False), (-1, False)])
    def test_to_the_microsecond(self, bench: SqlBench, off: int, *, is_known: bool) -> None:
        set_from_now(bench, "not_after", off)
        # The trigger speaks between the look at the name and the taking of the token.
        answer = ask(bench, looking())
        if is_known:
            assert answer != GrantedUnknown()
        else:
            assert isinstance(answer, Held), "known when it was looked up, and no more"
        assert spent(bench)[0] == int(is_known)


class StockCodeContract:
    """Wrong codes count on the token, and it stays in stock whatever is tried."""

    @pytest.fixture(autouse=True)
    def _one_token_in_stock(self, bench: SqlBench) -> None:
        stock(bench, in_stock())

    @pytest.mark.parametrize("state", [State.IN_STOCK, State.RETURNED])
    def test_wrong_codes_leave_it_where_it_is(self, bench: SqlBench, state: State) -> None:
        change(bench, NEW, f"state = '{state}'")
        told = [wrong_code(bench) for _ in range(LIMITS.consecutive)]
        left = [each.attempts_left for each in told]
        assert left == [4, 3, 2, 1, 0]
        assert [each.outcome for each in told] == [Outcome.REJECTED] * 4 + [Outcome.LOCKED]
        row = row_of(bench, NEW)
        assert (row["state"], row["subscriber"], row["lease"]) == (state, None, None)
        assert spent(bench) == (5, 5, 5)
        claim = looking()
        assert answered(bench, claim) == answered(bench, again(claim))
        assert answered(bench, claim) == Verdict(Outcome.LOCKED, None, 0)
        assert acts(bench)[-1] == ("VERIFY", NEW, "REGISTRATION", "LOCKED")
        assert (row_of(bench, NEW)["state"], spent(bench)) == (state, (5, 5, 5))

    def test_attempts_nobody_settled_count_too_and_lock_nothing(self, bench: SqlBench) -> None:
        change(bench, NEW, f"failures = {LIMITS.consecutive}")
        before = row_of(bench, NEW)
        assert answered(bench, looking()) == Verdict(Outcome.LOCKED, None, 0)
        assert row_of(bench, NEW) == before

    def test_what_it_may_bear_since_an_unlock_is_not_reset_by_anything(
        self, bench: SqlBench
    ) -> None:
        change(bench, NEW, f"unlock_failures = {LIMITS.since_unlock}")
        assert answered(bench, looking()) == Verdict(Outcome.LOCKED, None, 0)

    def test_a_code_that_a_customer_before_has_spent_is_replayed(self, bench: SqlBench) -> None:
        change(bench, NEW, "state = 'RETURNED', last_step = 7")
        claim = registering(bench)
        told = verdict(bench, claim, granted(bench, claim), Finding.SPENT)
        assert told == Verdict(Outcome.REPLAYED, None, LIMITS.consecutive)
        assert (row_of(bench, NEW)["state"], spent(bench)) == ("RETURNED", (0, 0, 0))

    @pytest.mark.parametrize(
        ("finding", "failures"), [(Finding.NO_RESULT, 0), (Finding.BROKEN_OFF, 1)]
    )
    def test_an_outage_is_nobodys_wrong_code(
        self, bench: SqlBench, finding: Finding, failures: int
    ) -> None:
        claim = registering(bench)
        assert settle(bench, claim, granted(bench, claim), finding) == Settled(None)
        assert (row_of(bench, NEW)["state"], spent(bench)[0]) == ("IN_STOCK", failures)

    def test_a_code_of_another_length_costs_nothing(self, bench: SqlBench) -> None:
        claim = concluding(Operation.REGISTRATION, None, NEW, code_length=8)
        assert "6 digits" in str(ask(bench, claim).error)  # type: ignore[union-attr]
        assert spent(bench) == (0, 0, 0)
