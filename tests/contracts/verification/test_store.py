# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the stores' contracts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.enrollment.enrollment_contract import IssueContract, ReleaseContract
from contracts.sql_bench import SqlBench
from contracts.store_bench import again, claim_all
from contracts.verification.activation_contract import ActivationContract, ReplayNoticeContract
from contracts.verification.batch_contract import (
    BatchContract,
    CrowdContract,
    claims_of,
    found,
    outcomes,
    tokens,
)
from contracts.verification.claim_contract import (
    ClaimContract,
    SameRequestContract,
    UnknownContract,
)
from contracts.verification.limit_contract import LimitContract
from contracts.verification.settle_contract import OversleptContract, RaceContract, SettleContract
from kagimori.adapters.sql import database as sql_database
from kagimori.adapters.sql.verification.claims import Claims
from kagimori.application.ports import Finding, Granted, Held, Refused
from kagimori.domain.errors import InvalidField, StoreUnavailable
from kagimori.domain.outcome import Outcome
from support.databases.database import AnyDatabase, PostgresqlTestDatabase


class TestBatches(BatchContract):
    pass


class TestCrowds(CrowdContract):
    @pytest.fixture(autouse=True)
    def _no_second_try(self, database: AnyDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let a deadlock be seen, which PostgreSQL would find and the store would mend."""
        if isinstance(database, PostgresqlTestDatabase):
            monkeypatch.setattr(sql_database, "_TRIES", 1)


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


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestWhatIsNotSimplyGranted:
    """It takes a transaction of its own, after the commit that the others share."""

    @pytest.fixture(autouse=True)
    def _tokens(self, bench: SqlBench) -> None:
        bench.inventory.add(tokens(3), "importer")

    @pytest.mark.parametrize("failure", [StoreUnavailable("gone", 0.5), RuntimeError("bug")])
    def test_its_failure_is_its_own(
        self, bench: SqlBench, monkeypatch: pytest.MonkeyPatch, failure: Exception
    ) -> None:
        async def fail(*_: object) -> None:
            raise failure

        settled, refused, good = claims_of([0, 1, 2])
        settlements = found([settled], claim_all(bench.store, [settled]), [Finding.FRESH])
        refused = replace(refused, code_length=8)
        with monkeypatch.context() as patch:
            patch.setattr(Claims, "finish", fail)
            answers, claimed = bench.store.commit(settlements, [refused, good])
        assert outcomes(answers) == [Outcome.ACCEPTED]
        assert isinstance(claimed[0], Refused)
        assert isinstance(claimed[0].error, StoreUnavailable)
        assert isinstance(claimed[1], Granted)
        assert [row["failures"] for row in bench.rows("tokens")] == [0, 0, 1]
        # As after a crash: its request is open until its lease ends, and then begins anew.
        assert isinstance(claim_all(bench.store, [again(refused)])[0], Held)
        bench.expire_leases()
        (answer,) = claim_all(bench.store, [again(refused)])
        assert isinstance(answer, Refused)
        assert isinstance(answer.error, InvalidField)

    def test_the_others_are_not_done_twice_for_it(self, bench: SqlBench) -> None:
        good, refused = claims_of([0, 1])
        with bench.statements() as alone:
            claim_all(bench.store, [good])
        with bench.statements() as together:
            claim_all(bench.store, [*claims_of([2]), replace(refused, code_length=8)])
        assert together[: len(alone)] == alone
        assert not set(together[len(alone) :]) & set(alone)
