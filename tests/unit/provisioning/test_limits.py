# SPDX-License-Identifier: Apache-2.0
"""Set-ups are counted before anything is computed, over all processes."""

from __future__ import annotations

import asyncio

import pytest

from kagimori.application.provisioning.provision import Limits, ProvisionIssuedToken
from kagimori.application.provisioning.wish import Done
from kagimori.domain.errors import ActivationRefused, Overloaded, TooManyTries
from support.banks.provisioning import AGES, Scene
from support.databases.enrolments import NOBODY, TENANT, outcomes
from support.phones.app import App, public_key
from support.tokens import OTHER_TENANT
from support.waiting import waited

WRONG = "24680"


def refused(process: ProvisionIssuedToken, peer: str = "a", **changed: str) -> None:
    with pytest.raises(ActivationRefused):
        waited(process(App().asks(WRONG, user_id=NOBODY, peer=peer, **changed)))


def too_many(process: ProvisionIssuedToken, peer: str = "a") -> float:
    with pytest.raises(TooManyTries) as caught:
        waited(process(App().asks(WRONG, user_id=NOBODY, peer=peer)))
    return caught.value.retry_after


def test_one_address_tries_so_often_and_others_are_not_held_up(scene: Scene) -> None:
    process = scene.another(Limits(per_peer=3, per_service=100))
    for _ in range(3):
        refused(process)
    assert 0 < too_many(process) <= AGES / 1_000_000
    refused(process, peer="b")


def test_two_processes_count_together(scene: Scene) -> None:
    first, second = (scene.another(Limits(per_peer=4, per_service=100)) for _ in range(2))
    for process in (first, second, first, second):
        refused(process)
    too_many(first)
    too_many(second)


def test_one_bank_is_tried_so_often_from_wherever_it_is(scene: Scene) -> None:
    process = scene.another(Limits(per_peer=100, per_service=3))
    for peer in "abc":
        refused(process, peer=peer)
    too_many(process, peer="d")
    other = App(public_key(OTHER_TENANT)).asks(WRONG, service_id=OTHER_TENANT, peer="d")
    with pytest.raises(ActivationRefused):
        waited(process(other))


def test_an_address_that_is_over_its_limit_uses_up_no_bank(scene: Scene) -> None:
    process = scene.another(Limits(per_peer=1, per_service=2))
    refused(process)
    for _ in range(5):
        too_many(process)
    refused(process, peer="b")


def test_what_is_over_the_limit_costs_no_work_and_no_try(scene: Scene) -> None:
    process = scene.another(Limits(per_peer=1, per_service=100))
    refused(process)
    done = (scene.hsm.passwords, len(scene.hasher.checked), outcomes(scene.database))
    with pytest.raises(TooManyTries):
        waited(process(App().asks(peer="a")))
    assert done == (scene.hsm.passwords, len(scene.hasher.checked), outcomes(scene.database))
    (row,) = scene.database.run("SELECT * FROM enrollments")
    assert row["tries"] == 0


def test_only_so_many_are_under_way_at_once(scene: Scene) -> None:
    process = scene.another(Limits(per_peer=1000, per_service=1000, under_way=3))

    async def all_at_once() -> list[Done | BaseException]:
        calls = (process(App().asks(WRONG, user_id=NOBODY)) for _ in range(5))
        return await asyncio.gather(*calls, return_exceptions=True)

    kinds = [type(answer) for answer in waited(all_at_once())]
    assert (kinds.count(Overloaded), kinds.count(ActivationRefused)) == (2, 3)
    refused(process)


def test_no_address_is_in_the_database(scene: Scene) -> None:
    refused(scene.provision, peer="ab" * 32)
    buckets = {row["bucket"] for row in scene.database.run("SELECT * FROM tries")}
    assert buckets == {f"peer:{'ab' * 32}", f"service:{TENANT}"}
