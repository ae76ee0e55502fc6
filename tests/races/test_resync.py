# SPDX-License-Identifier: Apache-2.0
"""Two codes that bring a token back: bounded as guesses are, good once, and never after a login."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle, pairwise
from typing import TypeAlias
from uuid import uuid4

import grpc
import pytest

from development.vendor import Device
from races.arena import LIMIT, Arena
from races.asking import PATIENCE, VERIFY, Answer, answer_of, question, refusal_of
from races.codes import event_codes, time_codes, wrong_codes
from races.numbers import NUMBERS
from races.resyncing import RESYNC, pair_of, told_of

ABREAST = 8
"""Connections: enough of them to meet every process that serves."""

STEPS = 42
"""Steps that a resynchronisation of a clock looks at in vain: 20 to both sides, and one before."""

Links: TypeAlias = Sequence[grpc.Channel]

Call: TypeAlias = tuple[str, bytes]
"""A method, and what it is asked."""


@pytest.fixture(scope="module")
def links(arena: Arena) -> Iterator[list[grpc.Channel]]:
    channels = [arena.door.open() for _ in range(ABREAST)]
    for channel in channels:
        grpc.channel_ready_future(channel).result(PATIENCE)
    yield channels
    for channel in channels:
        channel.close()


def test_200_parallel_wrong_pairs_cost_five_searches(arena: Arena, links: Links) -> None:
    (device,) = arena.enrol()
    arena.shim.reset()
    pairs = pairwise(wrong_codes(device, 201))
    kinds = Counter(_all_at_once(links, [_resync(device, *pair) for pair in pairs]))
    # The fifth wrong pair is told by LOCKED, and so is whoever comes after it.
    assert kinds["REJECTED"] == LIMIT - 1, kinds
    assert kinds["LOCKED"], kinds
    assert kinds.keys() <= {"REJECTED", "LOCKED", "UNAVAILABLE", "RESOURCE_EXHAUSTED"}
    counts = arena.shim.counts()
    assert counts["C_Sign"] - counts["C_UnwrapKey"] == LIMIT * STEPS
    assert arena.witness.token(device.serial).failures == LIMIT


def test_an_accepted_code_brings_nothing_back(arena: Arena, links: Links) -> None:
    clock, counter = *arena.enrol(), *arena.enrol(period=0)
    for device, codes in ((clock, time_codes(clock, -1, 1)), (counter, event_codes(counter, 3))):
        assert _all_at_once(links, [_login(device, codes[1])]) == ["ACCEPTED"]
        # The accepted one as the first of two, whose second is still good, and then as the second.
        for pair in (codes[1:3], codes[0:2]):
            assert _all_at_once(links, [_resync(device, *pair)]) == ["REJECTED"]
        arena.witness.sound(device.serial)


def test_a_pair_and_a_login_with_half_of_it_are_not_both_good(arena: Arena, links: Links) -> None:
    for device in arena.enrol(NUMBERS.neighbours // 4):
        first, second = time_codes(device, -1, 0)
        # Fewer than would lock the token, whichever comes first.
        calls = [
            call
            for _ in range(LIMIT - 1)
            for call in (_resync(device, first, second), _login(device, first))
        ]
        kinds = Counter(_all_at_once(links, calls))
        assert kinds["SYNCHRONIZED"] + kinds["ACCEPTED"] == 1, kinds
        good = {"SYNCHRONIZED", "ACCEPTED"}
        assert kinds.keys() <= good | {"REJECTED", "REPLAYED", "UNAVAILABLE"}, kinds


def test_one_pair_is_good_once(arena: Arena, links: Links) -> None:
    for device in arena.enrol(NUMBERS.neighbours // 4, period=0):
        codes = event_codes(device, 62)
        pairs = [_resync(device, codes[60], codes[61]) for _ in range(LIMIT)]
        kinds = Counter(_all_at_once(links, pairs))
        assert kinds["SYNCHRONIZED"] == 1, kinds
        assert _all_at_once(links, [_login(device, codes[61])]) == ["REPLAYED"]


def test_one_request_id_of_a_pair_is_one_claim_and_no_login(arena: Arena, links: Links) -> None:
    (device,) = arena.enrol(period=0)
    codes = event_codes(device, 62)
    request_id = str(uuid4())
    pair = RESYNC, pair_of(device.serial, codes[60], codes[61], request_id)
    assert _all_at_once(links, [pair] * 16) == ["SYNCHRONIZED"] * 16
    half = VERIFY, question(codes[61], serial=device.serial, request_id=request_id)
    assert _all_at_once(links, [half]) == ["INVALID_ARGUMENT"]


def _resync(device: Device, first: str, second: str) -> Call:
    return RESYNC, pair_of(device.serial, first, second)


def _login(device: Device, code: str) -> Call:
    return VERIFY, question(code, serial=device.serial)


def _all_at_once(links: Links, calls: Sequence[Call]) -> list[str]:
    """Make the calls by connections in turn; return what each was told."""
    begun = [(call[0], _begin(link, *call)) for link, call in zip(cycle(links), calls)]
    return [_told(method, call).kind for method, call in begun]


def _begin(link: grpc.Channel, method: str, request: bytes) -> grpc.Future[bytes]:
    ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = link.unary_unary(method)
    return ask.future(request, timeout=PATIENCE)


def _told(method: str, call: grpc.Future[bytes]) -> Answer:
    try:
        reply = call.result()
    except grpc.RpcError as error:
        return refusal_of(error)
    return answer_of(reply) if method == VERIFY else told_of(reply)
