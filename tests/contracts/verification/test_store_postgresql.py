# SPDX-License-Identifier: Apache-2.0
"""On PostgreSQL rows can be in another transaction's hands."""

from __future__ import annotations

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import (
    again,
    as_granted,
    ask,
    attempts,
    claim_all,
    claim_of,
    granted,
    request_ids,
)
from kagimori.application.ports import BySerial, BySubscriber, Granted, Held
from support.tokens import identity, token

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


class TestLockedRows:
    """A claim waits for nobody: what another transaction writes to is held."""

    @pytest.fixture(autouse=True)
    def _one_active_token(self, bench: SqlBench) -> None:
        bench.inventory.add([token()], "importer")

    @pytest.mark.parametrize("table", ["tokens", "requests"])
    def test_a_claim_does_not_wait(self, bench: SqlBench, table: str) -> None:
        claim = claim_of()
        granted(bench, claim)
        bench.expire_leases()
        for asked in (claim_of(), again(claim)):
            with bench.writing(table):
                answer = ask(bench, asked if table == "tokens" else again(claim))
            assert isinstance(answer, Held)
            assert 0 < answer.seconds <= 1
        assert attempts(bench) == (1, 1, 1)
        assert request_ids(bench) == {claim.request_id}
        assert granted(bench, again(claim)) == as_granted(token())
        assert attempts(bench) == (1, 1, 1)

    def test_a_token_that_is_locked_holds_up_no_other(self, bench: SqlBench) -> None:
        other = token(identity(token_id="token-2", serial="B", subscriber="subscriber-2"))
        with bench.writing("tokens"):
            bench.inventory.add([other], "importer")
            first, second = claim_all(
                bench.store, [claim_of(), claim_of(BySubscriber("subscriber-2"))]
            )
        assert isinstance(first, Held)
        assert second == Granted(as_granted(other))

    def test_rows_that_are_locked_are_pruned_later(self, bench: SqlBench) -> None:
        claim_all(bench.store, [claim_of(BySerial("NONE"))])
        bench.change("requests", created_at=1, lease_until=1)
        with bench.writing("requests"):
            claim_all(bench.store, [claim_of(BySerial("NONE"))])
            assert len(bench.rows("requests")) == 2
        claim_all(bench.store, [claim_of(BySerial("NONE"))])
        assert 1 not in [row["created_at"] for row in bench.rows("requests")]
