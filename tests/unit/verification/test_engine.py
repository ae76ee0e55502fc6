# SPDX-License-Identifier: Apache-2.0
"""Batches: shared commits, bounds, deadlines, and callers who go away."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from kagimori.application.ports import SeedVault
from kagimori.application.verification import pipeline
from kagimori.application.verification.engine import Bounds, Engine
from kagimori.domain.errors import DeadlineTooNear, Overloaded, StoreUnavailable, TokenBusy
from support.engine import ACCEPTED, AgreeableVault, GenerousStore, case, until


class Scene:
    """An engine with a store and a vault that can be held up."""

    def __init__(self, **bounds: int) -> None:
        self.store = GenerousStore()
        self.vault = AgreeableVault()
        self.engine = Engine(self.store, cast("SeedVault", self.vault), Bounds(**bounds))


def test_a_case_alone_is_two_commits() -> None:
    async def play(scene: Scene) -> None:
        async with scene.engine:
            only = case("A")
            scene.engine.submit(only)
            assert await only.answer == ACCEPTED
        assert scene.store.commits == [(0, 1), (1, 0)]

    asyncio.run(play(Scene()))


def test_what_arrives_during_a_commit_shares_the_next() -> None:
    async def play(scene: Scene) -> None:
        async with scene.engine:
            scene.store.gate.clear()
            cases = [case(f"T{number}") for number in range(10)]
            scene.engine.submit(cases[0])
            await until(lambda: scene.store.commits == [(0, 1)])
            for late in cases[1:]:
                scene.engine.submit(late)
            scene.store.gate.set()
            await asyncio.gather(*(each.answer for each in cases))
        assert scene.store.commits[1][1] == 9
        assert sum(settled for settled, _ in scene.store.commits) == 10

    asyncio.run(play(Scene()))


def test_claims_go_on_while_the_hsm_searches_and_settle_together() -> None:
    async def play(scene: Scene) -> None:
        async with scene.engine:
            scene.vault.gate.clear()
            first, second = case("A"), case("B")
            scene.engine.submit(first)
            await until(lambda: scene.vault.batches == [1])
            scene.engine.submit(second)
            await until(lambda: scene.vault.batches == [1, 1])
            scene.vault.gate.set()
            await asyncio.gather(first.answer, second.answer)

    asyncio.run(play(Scene()))


def test_no_claim_is_made_that_the_hsm_is_too_busy_for() -> None:
    async def play(scene: Scene) -> None:
        async with scene.engine:
            scene.vault.gate.clear()
            cases = [case(f"T{number}") for number in range(20)]
            for each in cases:
                scene.engine.submit(each)
                await asyncio.sleep(0.005)
            claimed = len(scene.store.claimed)
            assert 4 <= claimed < 20
            scene.vault.gate.set()
            await asyncio.gather(*(each.answer for each in cases))
        assert len(scene.store.claimed) == 20

    asyncio.run(play(Scene()))


def test_a_token_is_claimed_once_at_a_time_in_order() -> None:
    async def play(scene: Scene) -> None:
        async with scene.engine:
            cases = [case("A") for _ in range(5)]
            for each in cases:
                scene.engine.submit(each)
            await asyncio.gather(*(each.answer for each in cases))
        assert max(claims for _, claims in scene.store.commits) == 1

    asyncio.run(play(Scene()))


def test_a_batch_has_its_bound() -> None:
    async def play(scene: Scene) -> None:
        async with scene.engine:
            cases = [case(f"T{number}") for number in range(10)]
            for each in cases:
                scene.engine.submit(each)
            await asyncio.gather(*(each.answer for each in cases))
        assert max(max(both) for both in scene.store.commits) == 3

    asyncio.run(play(Scene(batch=3)))


def test_the_queue_and_each_line_have_their_bounds() -> None:
    async def play(scene: Scene) -> None:
        async with scene.engine:
            scene.store.gate.clear()
            scene.engine.submit(case("A"))
            scene.engine.submit(case("A"))
            with pytest.raises(TokenBusy):
                scene.engine.submit(case("A"))
            scene.engine.submit(case("B"))
            with pytest.raises(Overloaded) as refused:
                scene.engine.submit(case("C"))
            assert refused.value.retry_after > 0
            scene.store.gate.set()

    asyncio.run(play(Scene(queue=3, line=2)))


def test_a_deadline_is_kept_although_the_hsm_hangs() -> None:
    async def play(scene: Scene) -> None:
        async with scene.engine:
            scene.vault.gate.clear()
            stuck, behind = case("A", seconds=0.1), case("A", seconds=0.1)
            scene.engine.submit(stuck)
            scene.engine.submit(behind)
            with pytest.raises(DeadlineTooNear):
                await stuck.answer
            with pytest.raises(TokenBusy):
                await behind.answer
            assert scene.store.claimed == ["A"]
            scene.vault.gate.set()
        # What was claimed is settled all the same.
        assert scene.store.commits == [(0, 1), (1, 0)]

    asyncio.run(play(Scene()))


def test_those_whose_time_was_up_are_not_waited_for_afterwards() -> None:
    async def play(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        # What is done after a while at last would hide a wait for cases that are gone.
        monkeypatch.setattr(pipeline, "_SPARE", 3600.0)
        async with scene.engine:
            scene.store.gate.clear()
            first = case("FIRST")
            scene.engine.submit(first)
            await until(lambda: scene.store.claimed == ["FIRST"])
            late = [case(str(number), seconds=0.5) for number in range(40)]
            for each in late:
                scene.engine.submit(each)
            told = await asyncio.gather(*(each.answer for each in late), return_exceptions=True)
            assert {type(answer) for answer in told} == {DeadlineTooNear}
            scene.store.gate.set()
            assert await first.answer == ACCEPTED
            alone = case("ALONE")
            scene.engine.submit(alone)
            assert await asyncio.wait_for(alone.answer, 10) == ACCEPTED
        assert scene.store.claimed == ["FIRST", "ALONE"]

    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(play(Scene(), monkeypatch))


def test_who_goes_away_before_the_claim_costs_nothing() -> None:
    async def play(scene: Scene) -> None:
        async with scene.engine:
            scene.store.gate.clear()
            first, gone, last = case("A"), case("B"), case("B")
            scene.engine.submit(first)
            await until(lambda: scene.store.claimed == ["A"])
            scene.engine.submit(gone)
            scene.engine.submit(last)
            gone.answer.cancel()
            scene.store.gate.set()
            await asyncio.gather(first.answer, last.answer)
        assert scene.store.claimed == ["A", "B"]

    asyncio.run(play(Scene()))


def test_who_goes_away_after_the_claim_is_settled_all_the_same() -> None:
    async def play(scene: Scene) -> None:
        async with scene.engine:
            scene.vault.gate.clear()
            gone = case("A")
            scene.engine.submit(gone)
            await until(lambda: scene.vault.batches == [1])
            gone.answer.cancel()
            scene.vault.gate.set()
        assert scene.store.commits == [(0, 1), (1, 0)]

    asyncio.run(play(Scene()))


def test_a_commit_that_fails_fails_its_cases_and_not_the_next() -> None:
    async def play(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        async with scene.engine:
            with monkeypatch.context() as patch:
                patch.setattr(scene.store, "commit", _unavailable)
                first = case("A")
                scene.engine.submit(first)
                with pytest.raises(StoreUnavailable):
                    await first.answer
            second = case("A")
            scene.engine.submit(second)
            assert await second.answer == ACCEPTED

    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(play(Scene(), monkeypatch))


def test_an_error_of_the_engine_itself_ends_the_server() -> None:
    async def play(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        async with scene.engine:
            monkeypatch.setattr(scene.store, "commit", _forgetful)
            scene.engine.submit(case("A"))
            await asyncio.sleep(30)

    with pytest.MonkeyPatch.context() as monkeypatch, pytest.raises(ExceptionGroup):
        asyncio.run(play(Scene(), monkeypatch))


async def _forgetful(*_: object) -> tuple[list[object], list[object]]:
    return [], []


async def _unavailable(*_: object) -> None:
    raise StoreUnavailable("the database cannot be written", 0.5)
