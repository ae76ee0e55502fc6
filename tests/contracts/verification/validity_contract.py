# SPDX-License-Identifier: Apache-2.0
"""When a token may be used, by the database's clock, and whose it must be."""

from __future__ import annotations

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import (
    BY_SERIAL,
    LIMITS,
    again,
    answered,
    ask,
    attempts,
    claim_of,
    granted,
    token_row,
    verdict,
)
from kagimori.application.ports import Finding, Granted, GrantedUnknown, Held
from kagimori.domain.lifecycle import DESTROYED, NOBODYS, State
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from support.tokens import identity, token

PAST, FUTURE = 1, 32_503_680_000_000_000
"""Microseconds since 1970, UTC: long ago, and the year 3000."""

OVER = {"not_after": PAST}
NOT_YET = {"not_before": FUTURE}

OPERATIONS = [Operation.LOGIN, Operation.RESYNC, Operation.ACTIVATION]

_TRIGGERS = {
    True: [
        """
        CREATE TRIGGER moment AFTER INSERT ON requests
        BEGIN UPDATE tokens SET {bound} = NEW.created_at + ({off}); END
        """,
    ],
    False: [
        """
        CREATE FUNCTION moment() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN UPDATE tokens SET {bound} = NEW.created_at + ({off}); RETURN NULL; END $$
        """,
        """
        CREATE TRIGGER moment AFTER INSERT ON requests
        FOR EACH ROW EXECUTE FUNCTION moment()
        """,
    ],
}


def set_from_now(bench: SqlBench, bound: str, off: int) -> None:
    """Let each claim find ``bound`` so many microseconds after its own time.

    A claim opens its request first, at the time that it then takes the token at.
    """
    for text in _TRIGGERS[bench.database.url.startswith("sqlite")]:
        bench.run(text.format(bound=bound, off=off))


class ValidityContract:
    @pytest.fixture(autouse=True)
    def _one_active_token(self, bench: SqlBench) -> None:
        bench.inventory.add([token()], "importer")

    @pytest.mark.parametrize("operation", OPERATIONS)
    @pytest.mark.parametrize("bounds", [OVER, NOT_YET, OVER | NOT_YET], ids=str)
    def test_outside_of_its_time_a_token_is_not_active(
        self, bench: SqlBench, operation: Operation, bounds: dict[str, int]
    ) -> None:
        state = State.ASSIGNED if operation is Operation.ACTIVATION else State.ACTIVE
        bench.change("tokens", state=state, **bounds)
        claim = claim_of(operation=operation)
        for asked in (claim, again(claim), claim_of(BY_SERIAL, operation=operation)):
            assert answered(bench, asked) == Verdict(Outcome.NOT_ACTIVE)
        assert attempts(bench) == (0, 0, 0)
        line = bench.rows("audit")[-1]
        assert (line["outcome"], line["operation"]) == ("NOT_ACTIVE", operation)

    @pytest.mark.parametrize("operation", OPERATIONS)
    @pytest.mark.parametrize(
        "bounds",
        [{"not_before": PAST}, {"not_after": FUTURE}, {"not_before": PAST, "not_after": FUTURE}],
        ids=str,
    )
    def test_within_its_time_it_is_taken(
        self, bench: SqlBench, operation: Operation, bounds: dict[str, int]
    ) -> None:
        state = State.ASSIGNED if operation is Operation.ACTIVATION else State.ACTIVE
        bench.change("tokens", state=state, **bounds)
        granted(bench, claim_of(operation=operation))

    @pytest.mark.parametrize(
        ("bound", "off", "is_taken"),
        [
            ("not_before", -1, True),
            ("not_before", 0, True),  # its first moment
            ("not_before", 1, False),
            ("not_after", 1, True),
            ("not_after", 0, False),  # the first one no more
            ("not_after", -1, False),
        ],
    )
    def test_the_bounds_are_exact_to_the_microsecond(
        self, bench: SqlBench, bound: str, off: int, *, is_taken: bool
    ) -> None:
        set_from_now(bench, bound, off)
        answer = ask(bench, claim_of())
        assert isinstance(answer, Granted) == is_taken
        if is_taken:
            (request,) = bench.rows("requests")
            assert token_row(bench)[bound] == request["created_at"] + off
            return
        # Who looks a moment later finds that the token's time has come.
        assert isinstance(answer, Held) or answer.verdict == Verdict(Outcome.NOT_ACTIVE)  # type: ignore[union-attr]
        assert not (isinstance(answer, Held) and bound == "not_after")
        assert attempts(bench) == (0, 0, 0)

    def test_an_expired_token_is_not_said_to_be_locked(self, bench: SqlBench) -> None:
        for changes in ({"state": "LOCKED"}, {"failures": LIMITS.consecutive}):
            bench.change("tokens", state="ACTIVE", **OVER)
            bench.change("tokens", **changes)
            assert answered(bench, claim_of()) == Verdict(Outcome.NOT_ACTIVE)
        assert (token_row(bench)["state"], token_row(bench)["generation"]) == ("ACTIVE", 1)

    def test_what_was_taken_in_time_is_settled(self, bench: SqlBench) -> None:
        claim = claim_of()
        found = granted(bench, claim)
        bench.change("tokens", **OVER)
        assert verdict(bench, claim, found, Finding.FRESH, 7).outcome is Outcome.ACCEPTED

    def test_a_search_that_broke_off_does_not_go_on_after_it(self, bench: SqlBench) -> None:
        claim = claim_of()
        granted(bench, claim)
        bench.expire_leases()
        bench.change("tokens", **OVER)
        assert answered(bench, again(claim)) == Verdict(Outcome.NOT_ACTIVE)
        assert attempts(bench) == (1, 1, 1)


class NobodysContract:
    """A token that is bound to nobody is no token to a bank, whatever it is waiting for."""

    @pytest.mark.parametrize("operation", OPERATIONS)
    @pytest.mark.parametrize("state", sorted(NOBODYS))
    def test_is_unknown_by_its_serial_too(
        self, bench: SqlBench, state: State, operation: Operation
    ) -> None:
        bench.inventory.add([token(identity(subscriber=None), state=State.IN_STOCK)], "importer")
        if state in DESTROYED:
            bench.run("UPDATE tokens SET blob = ''" + f", state = '{state}'")  # noqa: S608 - our own
        else:
            bench.change("tokens", state=state)
        claim = claim_of(BY_SERIAL, operation=operation)
        assert ask(bench, claim) == GrantedUnknown()
        settled = verdict(bench, claim, None, Finding.UNKNOWN)
        assert settled == answered(bench, again(claim)) == Verdict(Outcome.UNKNOWN_TOKEN)
        assert attempts(bench) == (0, 0, 0)
        line = bench.rows("audit")[-1]
        assert (line["token_id"], line["serial"]) == (None, None)
