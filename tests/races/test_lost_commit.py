# SPDX-License-Identifier: Apache-2.0
"""A COMMIT of which nobody knows: UNAVAILABLE, and the same request_id then tells the truth.

On PostgreSQL the reply is cut off on its way; on SQLite the disk answers the
commit's last call with an error. Either way it may have happened, or not.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack

import pytest

from development.vendor import Device
from races.arena import Arena, insist
from races.asking import Answer, Client, outcome_of, question
from races.codes import event_codes

ABREAST = 4
"""Calls that may share the commit in question: no more than a server has searches under
way, for it claims nothing that would wait for one."""

either_way = pytest.mark.parametrize("fate", ["happened", "did not happen"])


@pytest.fixture(scope="module")
def in_doubt() -> bool:
    return True


@either_way
def test_a_claim_whose_commit_is_in_doubt(arena: Arena, fate: str) -> None:
    devices = arena.enrol(ABREAST, period=0)
    requests = [question(event_codes(device, 1)[0], serial=device.serial) for device in devices]
    with arena.client() as client:
        with _trouble(arena, fate):
            calls = [client.begin(request) for request in requests]
            assert {outcome_of(call) for call in calls} == {Answer("UNAVAILABLE")}
        claims = {arena.witness.claims(device.serial) for device in devices}
        assert claims == {int(fate == "happened")}
        tell_the_truth(arena, client, devices, requests)


@either_way
def test_a_settlement_whose_commit_is_in_doubt(arena: Arena, fate: str) -> None:
    devices = arena.enrol(ABREAST, period=0)
    requests = [question(event_codes(device, 1)[0], serial=device.serial) for device in devices]
    with arena.client() as client:
        with ExitStack() as search, ExitStack() as commit:
            search.enter_context(arena.searching_slowly())
            calls = [client.begin(request) for request in requests]
            arena.until_claimed(*(device.serial for device in devices))
            commit.enter_context(_trouble(arena, fate))
            search.close()
            assert {outcome_of(call) for call in calls} == {Answer("UNAVAILABLE")}
        written = {len(arena.witness.accepted(device.serial)) for device in devices}
        assert written == {int(fate == "happened")}
        tell_the_truth(arena, client, devices, requests)


def _trouble(arena: Arena, fate: str) -> AbstractContextManager[None]:
    return arena.site.commits_unconfirmed() if fate == "happened" else arena.site.commits_lost()


def tell_the_truth(
    arena: Arena, client: Client, devices: list[Device], requests: list[bytes]
) -> None:
    """Ask the same again until there are answers: each code was accepted, once."""
    for device, request in zip(devices, requests, strict=True):
        answer = insist(client, request)
        assert answer.outcome == "ACCEPTED"
        assert client.ask(request) == answer
        (accepted,) = arena.witness.accepted(device.serial)
        assert accepted.receipt == answer.receipt
        again = question(event_codes(device, 1)[0], serial=device.serial)
        assert client.ask(again).kind == "REPLAYED"
        assert arena.witness.token(device.serial).failures == 0
        arena.witness.sound(device.serial)
