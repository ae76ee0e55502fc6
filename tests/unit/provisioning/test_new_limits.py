# SPDX-License-Identifier: Apache-2.0
"""Who floods with new tokens is bounded: by the minute, and by how many may wait."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from kagimori.application.provisioning.provision_new import NewLimits, ProvisionNewToken
from kagimori.application.provisioning.wish import DoneNew
from kagimori.domain.errors import EnvelopeRefused, Overloaded, TooManyTries
from kagimori.domain.tenant import Registration
from support.banks.provisioning import AGES, PLENTY_NEW, POLICY, Scene
from support.databases.enrolments import TENANT
from support.phones.app import App, public_key
from support.tokens import OTHER_TENANT
from support.waiting import waited

KAKESHIN = OTHER_TENANT


def phone(tenant: str = KAKESHIN) -> App:
    return App(public_key(tenant))


def makes(process: ProvisionNewToken, peer: str = "a", tenant: str = KAKESHIN) -> DoneNew:
    return waited(process(phone(tenant).asks_anew(peer=peer)))


def too_many(process: ProvisionNewToken, peer: str = "a") -> float:
    with pytest.raises(TooManyTries) as caught:
        makes(process, peer)
    return caught.value.retry_after


def tokens(scene: Scene) -> int:
    return len(scene.database.run("SELECT * FROM tokens"))


def test_one_address_makes_so_many_and_others_are_not_held_up(scene: Scene) -> None:
    process = scene.another_new(replace(PLENTY_NEW, per_peer=3))
    for _ in range(3):
        makes(process)
    assert 0 < too_many(process) <= AGES / 1_000_000
    makes(process, peer="b")
    assert tokens(scene) == 4


def test_one_bank_makes_so_many_from_wherever_they_are_asked_for(scene: Scene) -> None:
    scene.policies[TENANT] = replace(POLICY, registration=Registration())
    process = scene.another_new(replace(PLENTY_NEW, per_service=3))
    for peer in "abc":
        makes(process, peer)
    too_many(process, "d")
    makes(process, "d", tenant=TENANT)


def test_two_processes_count_together(scene: Scene) -> None:
    first, second = (scene.another_new(replace(PLENTY_NEW, per_peer=4)) for _ in range(2))
    for process in (first, second, first, second):
        makes(process)
    too_many(first)
    too_many(second)


def test_an_address_that_is_over_its_limit_uses_up_no_bank(scene: Scene) -> None:
    process = scene.another_new(replace(PLENTY_NEW, per_peer=1, per_service=2))
    makes(process)
    for _ in range(5):
        too_many(process)
    makes(process, "b")


def test_what_is_over_the_limit_costs_the_hsm_nothing(scene: Scene) -> None:
    process = scene.another_new(replace(PLENTY_NEW, per_peer=1))
    makes(process)
    too_many(process)
    assert (scene.hsm.sealings, tokens(scene)) == (1, 1)


def test_what_does_not_open_is_counted_too(scene: Scene) -> None:
    process = scene.another_new(replace(PLENTY_NEW, per_peer=2))
    unfit = phone().asks_anew(peer="a", login_envelope=bytes(256))
    for _ in range(2):
        with pytest.raises(EnvelopeRefused):
            waited(process(unfit))
    too_many(process)


def test_a_flood_holds_up_nobody_who_has_a_password(scene: Scene) -> None:
    scene.policies[TENANT] = replace(POLICY, registration=Registration())
    process = scene.another_new(replace(PLENTY_NEW, per_peer=1, per_service=1))
    makes(process, "somewhere", tenant=TENANT)
    with pytest.raises(TooManyTries):
        makes(process, "somewhere", tenant=TENANT)
    assert scene.ask(App().asks(peer="somewhere")).serial
    buckets = {row["bucket"] for row in scene.database.run("SELECT * FROM tries")}
    assert buckets == {
        "new:peer:somewhere",
        f"new:service:{TENANT}",
        "peer:somewhere",
        f"service:{TENANT}",
    }


def test_so_many_wait_at_a_bank_and_the_next_is_told_to_come_much_later(scene: Scene) -> None:
    scene.policies[TENANT] = replace(POLICY, registration=Registration())
    process = scene.another_new(replace(PLENTY_NEW, unclaimed=3))
    for _ in range(3):
        makes(process)
    assert too_many(process) == 3600
    assert (scene.hsm.sealings, tokens(scene)) == (3, 3)
    makes(process, tenant=TENANT)


@pytest.mark.parametrize(
    "happening",
    ["not_after = 1", "subscriber = 'customer-1', state = 'ACTIVE', not_after = NULL"],
    ids=["its time is over", "a customer has it"],
)
def test_one_that_waits_no_more_makes_room(scene: Scene, happening: str) -> None:
    process = scene.another_new(replace(PLENTY_NEW, unclaimed=2))
    serial = makes(process).done.serial
    makes(process)
    too_many(process)
    scene.database.run(f"UPDATE tokens SET {happening} WHERE serial = ?", serial)  # noqa: S608 - our own
    makes(process)
    too_many(process)


def test_a_lost_answer_is_given_again_where_there_is_no_room(scene: Scene) -> None:
    process = scene.another_new(replace(PLENTY_NEW, unclaimed=1))
    app = phone()
    first = waited(process(app.asks_anew()))
    too_many(process)
    assert waited(process(app.asks_anew())) == first


def test_of_20_at_once_no_more_are_made_than_there_is_room_for(scene: Scene) -> None:
    process = scene.another_new(NewLimits(10_000, 10_000, unclaimed=5, under_way=10_000))

    async def all_at_once() -> list[DoneNew | BaseException]:
        calls = (process(phone().asks_anew()) for _ in range(20))
        return await asyncio.gather(*calls, return_exceptions=True)

    kinds = [type(answer) for answer in waited(all_at_once())]
    assert (kinds.count(DoneNew), kinds.count(TooManyTries)) == (5, 15)
    assert tokens(scene) == 5


def test_those_that_wait_are_not_counted_for_each_call(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = scene.another_new(NewLimits(10_000, 10_000, unclaimed=4))
    store, counted = process._means.store, []
    waiting = store.waiting

    async def counting(tenant: str) -> int:
        counted.append(tenant)
        return await waiting(tenant)

    monkeypatch.setattr(store, "waiting", counting)
    for _ in range(4):
        makes(process)
    for _ in range(3):
        too_many(process)
    assert counted == [KAKESHIN]


def test_only_so_many_are_under_way_at_once(scene: Scene) -> None:
    process = scene.another_new(replace(PLENTY_NEW, under_way=3))

    async def all_at_once() -> list[DoneNew | BaseException]:
        calls = (process(phone().asks_anew()) for _ in range(5))
        return await asyncio.gather(*calls, return_exceptions=True)

    kinds = [type(answer) for answer in waited(all_at_once())]
    assert (kinds.count(Overloaded), kinds.count(DoneNew)) == (2, 3)
    makes(process)


def test_a_flood_leaves_no_more_rows_than_wait_at_once(scene: Scene) -> None:
    process = scene.another_new(replace(PLENTY_NEW, unclaimed=6))
    for _ in range(4):
        for _ in range(6):
            makes(process)
        too_many(process)
        scene.database.run("UPDATE tokens SET not_after = 1 WHERE state = 'IN_STOCK'")
    makes(process)
    states = [row["state"] for row in scene.database.run("SELECT * FROM tokens")]
    assert states.count("IN_STOCK") <= 6
    assert len(scene.database.run("SELECT * FROM signing_seeds")) == states.count("IN_STOCK")
