# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL keeps the stores' contracts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.enrollment.enrollment_contract import IssueContract, ReleaseContract
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
from contracts.verification.activation_contract import ActivationContract, ReplayNoticeContract
from contracts.verification.batch_contract import BatchContract, CrowdContract
from contracts.verification.claim_contract import (
    ClaimContract,
    SameRequestContract,
    UnknownContract,
)
from contracts.verification.limit_contract import LimitContract
from contracts.verification.settle_contract import OversleptContract, RaceContract, SettleContract
from kagimori.adapters.sql import database
from kagimori.application.ports import BySerial, BySubscriber, Granted, Held
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster
from support.tokens import identity, token


@pytest.fixture
def bench(cluster: Cluster) -> Iterator[SqlBench]:
    place = PostgresqlTestDatabase(cluster)
    yield SqlBench(place)
    place.close()


class TestBatches(BatchContract):
    pass


class TestCrowds(CrowdContract):
    @pytest.fixture(autouse=True)
    def _no_second_try(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let a deadlock be seen, which PostgreSQL would find and the store would mend."""
        monkeypatch.setattr(database, "_TRIES", 1)


class TestClaims(ClaimContract):
    pass


class TestUnknownNames(UnknownContract):
    pass


class TestSameRequest(SameRequestContract):
    pass


class TestLimits(LimitContract):
    pass


class TestSettlements(SettleContract):
    pass


class TestOverslept(OversleptContract):
    pass


class TestRaces(RaceContract):
    pass


class TestIssues(IssueContract):
    pass


class TestReleases(ReleaseContract):
    pass


class TestActivations(ActivationContract):
    pass


class TestReplayNotices(ReplayNoticeContract):
    pass


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
