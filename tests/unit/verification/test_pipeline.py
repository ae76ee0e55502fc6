# SPDX-License-Identifier: Apache-2.0
"""On a busy server commits wait for company, and two of them for the database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Self, cast

import pytest

from kagimori.application.ports import SeedVault
from kagimori.application.verification import pipeline as module
from kagimori.application.verification.case import Case
from kagimori.application.verification.pace import Pace
from kagimori.application.verification.pipeline import Ended, Pipeline
from support.engine import ACCEPTED, PATIENCE, AgreeableVault, GenerousStore, case, until

NEVER = 3600.0
"""Seconds of patience: longer than any test."""


class Scene:
    """A pipeline whose commits wait ``patience`` seconds for company."""

    def __init__(self, *, patience: float, largest: int = 256) -> None:
        self.store = GenerousStore()
        self.vault = AgreeableVault()
        self.pace = Pace(lambda: 0.0)
        self.pace.patience = patience
        vault = cast("SeedVault", self.vault)
        self.pipeline = Pipeline(self.store, vault, self.pace, largest)

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self.pipeline.run(self._answer, lambda _: None))
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._running.cancel()
        await asyncio.wait([self._running])

    def begin(self, *serials: str) -> list[Case]:
        """Let cases of their own tokens be claimed."""
        cases = [case(serial) for serial in serials]
        for each in cases:
            self.pipeline.claim(each)
        return cases

    def _answer(self, ended: Sequence[Ended]) -> None:
        for each, answer in ended:
            if isinstance(answer, Exception):
                each.fail(answer)
            elif answer is not None:
                each.tell(answer)


async def told(cases: Sequence[Case]) -> None:
    answers = await asyncio.wait_for(asyncio.gather(*(each.answer for each in cases)), PATIENCE)
    assert answers == [ACCEPTED] * len(cases)


def test_cases_that_come_while_a_commit_waits_share_it() -> None:
    async def play() -> None:
        async with Scene(patience=0.2) as scene:
            cases = []
            for serial in ("A", "B", "C", "D"):
                cases += scene.begin(serial)
                # What would not wait would be committed meanwhile.
                for _ in range(10):
                    await asyncio.sleep(0)
            assert scene.store.commits == []
            await told(cases)
        assert scene.store.commits == [(0, 4), (4, 0)]

    asyncio.run(play())


def test_cases_that_come_one_by_one_on_a_calm_server_are_committed_at_once() -> None:
    async def play() -> None:
        async with Scene(patience=0.0) as scene:
            for serial in ("A", "B"):
                await told(scene.begin(serial))
        assert scene.store.commits == [(0, 1), (1, 0)] * 2

    asyncio.run(play())


def test_a_full_batch_does_not_wait() -> None:
    async def play() -> None:
        async with Scene(patience=NEVER, largest=3) as scene:
            await told(scene.begin("A", "B", "C"))
        assert scene.store.commits == [(0, 3), (3, 0)]

    asyncio.run(play())


def test_claims_and_settlements_fill_a_batch_together() -> None:
    async def play() -> None:
        async with Scene(patience=NEVER, largest=2) as scene:
            scene.vault.gate.clear()
            first = scene.begin("A", "B")
            await until(lambda: scene.vault.batches == [2])
            late = scene.begin("C")
            scene.vault.gate.set()
            await told(first)
            # It is alone now, and still waits for company.
            assert not late[0].answer.done()
            assert scene.store.commits == [(0, 2), (2, 1)]

    asyncio.run(play())


def test_a_case_that_is_alone_waits_no_longer_than_the_patience() -> None:
    async def play() -> None:
        async with Scene(patience=0.01) as scene:
            await told(scene.begin("ALONE"))
        assert scene.store.commits == [(0, 1), (1, 0)]

    asyncio.run(play())


def test_two_commits_of_a_busy_server_are_under_way_at_once_and_no_third() -> None:
    async def play() -> None:
        async with Scene(patience=NEVER, largest=2) as scene:
            scene.store.gate.clear()
            cases = scene.begin("A", "B")
            await until(lambda: len(scene.store.commits) == 1)
            cases += scene.begin("C", "D")
            await until(lambda: len(scene.store.commits) == 2)
            cases += scene.begin("E", "F")
            await asyncio.sleep(0.02)
            assert scene.store.commits == [(0, 2), (0, 2)]
            scene.store.gate.set()
            await told(cases)

    asyncio.run(play())


def test_a_calm_server_has_one_commit_under_way_until_there_is_enough_for_another() -> None:
    async def play() -> None:
        async with Scene(patience=0.0, largest=3) as scene:
            scene.store.gate.clear()
            cases = scene.begin("A", "B")
            await until(lambda: len(scene.store.commits) == 1)
            cases += scene.begin("C", "D")
            await asyncio.sleep(0.02)
            assert scene.store.commits == [(0, 2)]
            cases += scene.begin("E")
            await until(lambda: len(scene.store.commits) == 2)
            assert scene.store.commits == [(0, 2), (0, 3)]
            scene.store.gate.set()
            await told(cases)

    asyncio.run(play())


def test_a_commit_waits_for_searches_under_way_only_for_a_while() -> None:
    async def play() -> None:
        async with Scene(patience=0.0) as scene:
            scene.vault.gate.clear()
            first = scene.begin("A")
            await until(lambda: scene.vault.batches == [1])
            # The first search could still join, and does not come to an end.
            second = scene.begin("B")
            await until(lambda: scene.vault.batches == [1, 1])
            scene.vault.gate.set()
            await told(first + second)

    asyncio.run(play())


def test_a_commit_is_joined_by_the_searches_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SPARE", NEVER)

    async def play() -> None:
        async with Scene(patience=0.0) as scene:
            scene.vault.gate.clear()
            cases = scene.begin("A")
            await until(lambda: scene.vault.batches == [1])
            cases += scene.begin("B")
            scene.vault.gate.set()
            await told(cases)
        assert scene.store.commits[:2] == [(0, 1), (1, 1)]

    asyncio.run(play())


def test_whoever_was_withdrawn_is_waited_for_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SPARE", NEVER)

    async def play() -> None:
        async with Scene(patience=0.0) as scene:
            scene.store.gate.clear()
            first = scene.begin("A")
            await until(lambda: scene.store.commits == [(0, 1)])
            (gone,) = scene.begin("B")
            assert scene.pipeline.withdraw(gone)
            scene.store.gate.set()
            await told(first)
            await told(scene.begin("C"))
        assert scene.store.claimed == ["A", "C"]

    asyncio.run(play())
