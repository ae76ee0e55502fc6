# SPDX-License-Identifier: Apache-2.0
"""Many ask at once about one token: a step is spent once, whoever asks and however."""

from __future__ import annotations

from collections import Counter
from itertools import cycle, islice
from uuid import uuid4

import pytest

from development.vendor import Device
from races.arena import LIMIT, Arena
from races.asking import question
from races.codes import REACH, event_codes, time_codes, wrong_codes
from races.crowd import CLIENTS, Crowd
from races.numbers import NUMBERS

pytestmark = pytest.mark.timeout(NUMBERS.longest_test)

ABREAST = 8
"""Tokens that are raced for at once, each by every client."""


def test_the_same_code_from_64_clients_is_accepted_once(arena: Arena, crowd: Crowd) -> None:
    rounds = NUMBERS.same_code // ABREAST
    devices = arena.enrol(ABREAST, period=0)
    codes = [event_codes(device, rounds) for device in devices]
    for number in range(rounds):
        races = [
            [asked_by(device, codes[place][number], client) for client in range(CLIENTS)]
            for place, device in enumerate(devices)
        ]
        for answers in crowd.race(races):
            kinds = Counter(answer.kind for answer in answers)
            assert kinds["ACCEPTED"] == 1, kinds
            assert kinds["REPLAYED"], kinds
            assert kinds.keys() <= {"ACCEPTED", "REPLAYED", "UNAVAILABLE"}
    for device in devices:
        assert arena.witness.steps(device.serial) == list(range(rounds))
        arena.witness.sound(device.serial)


def test_200_parallel_guesses_cost_five_searches(arena: Arena, crowd: Crowd) -> None:
    devices = arena.enrol(ABREAST)
    races = [
        [asked_by(device, code, n) for n, code in enumerate(wrong_codes(device, 200))]
        for device in devices
    ]
    arena.shim.reset()
    # Time enough for many to see the same attempts left.
    with arena.searching_slowly(for_seconds=0.5):
        raced = crowd.race(races)
    for answers in raced:
        kinds = Counter(answer.kind for answer in answers)
        # The fifth wrong code is told by LOCKED, and so is whoever comes after it.
        assert kinds["REJECTED"] == LIMIT - 1, kinds
        assert kinds["LOCKED"], kinds
        assert kinds.keys() <= {"REJECTED", "LOCKED", "UNAVAILABLE", "RESOURCE_EXHAUSTED"}
    assert arena.searches() == LIMIT * ABREAST
    with arena.client() as client:
        for device in devices:
            right = question(time_codes(device, 0, 0)[0], serial=device.serial)
            assert client.ask(right).kind == "LOCKED"
    assert arena.searches() == LIMIT * ABREAST


def test_the_last_attempt_is_spent_once(arena: Arena, crowd: Crowd) -> None:
    (device,) = arena.enrol()
    guesses = wrong_codes(device, LIMIT - 1 + CLIENTS)
    with arena.client() as client:
        for code in guesses[: LIMIT - 1]:
            assert client.ask(question(code, serial=device.serial)).kind == "REJECTED"
    arena.shim.reset()
    # Time enough for everybody to see that one attempt is left.
    with arena.searching_slowly(for_seconds=0.5):
        (answers,) = crowd.race(
            [[asked_by(device, code, n) for n, code in enumerate(guesses[LIMIT - 1 :])]]
        )
    assert arena.searches() == 1
    assert {answer.kind for answer in answers} <= {"LOCKED", "UNAVAILABLE"}
    assert arena.witness.token(device.serial).failures == LIMIT


def test_two_codes_in_a_row_never_turn_the_last_step_back(arena: Arena, crowd: Crowd) -> None:
    # The pairs lie well inside the window, which may move on by a step meanwhile.
    pairs = [(first, first + 1) for first in range(2 - REACH, REACH - 2, 2)]
    devices = arena.enrol(NUMBERS.neighbours // len(pairs))
    shown = [time_codes(device, 2 - REACH, REACH - 2) for device in devices]
    for first, second in pairs:
        races = []
        for device, codes in zip(devices, shown, strict=True):
            both = codes[first - 2 + REACH], codes[second - 2 + REACH]
            races.append([asked_by(device, both[n // 2 % 2], n) for n in range(CLIENTS // 8)])
        for answers in crowd.race(races):
            kinds = Counter(answer.kind for answer in answers)
            assert kinds["ACCEPTED"] in {1, 2}, kinds
            assert kinds.keys() <= {"ACCEPTED", "REPLAYED", "UNAVAILABLE"}, kinds
    for device in devices:
        arena.witness.sound(device.serial)
        assert len(arena.witness.accepted(device.serial)) >= len(pairs)


def test_one_request_id_from_16_clients_is_one_claim(arena: Arena, crowd: Crowd) -> None:
    rounds = NUMBERS.retries
    (device,) = arena.enrol(period=0)
    for code in event_codes(device, rounds):
        (answers,) = crowd.race([[question(code, serial=device.serial)] * 16])
        assert len(set(answers)) == 1, answers
        assert answers[0].outcome == "ACCEPTED"
    assert arena.witness.claims(device.serial) == rounds
    arena.witness.sound(device.serial)


def test_one_request_id_with_a_wrong_code_costs_one_attempt(arena: Arena, crowd: Crowd) -> None:
    (device,) = arena.enrol()
    (code,) = wrong_codes(device, 1)
    arena.shim.reset()
    (answers,) = crowd.race([[question(code, serial=device.serial)] * 16])
    assert {(answer.outcome, answer.attempts_left) for answer in answers} == {
        ("REJECTED", LIMIT - 1)
    }
    assert arena.searches() == 1


def test_another_code_under_the_same_request_id_is_refused(arena: Arena, crowd: Crowd) -> None:
    rounds = NUMBERS.retries
    (device,) = arena.enrol(period=0)
    right = event_codes(device, rounds)
    (wrong,) = wrong_codes(device, 1)
    for code in right:
        request_id = str(uuid4())
        both = [
            question(word, serial=device.serial, request_id=request_id) for word in (code, wrong)
        ]
        (answers,) = crowd.race([list(islice(cycle(both), 16))])
        kinds = [{answer.kind for answer in answers[side::2]} for side in (0, 1)]
        # Whichever came first is the request; the other one is refused each time.
        assert kinds in (
            [{"ACCEPTED"}, {"INVALID_ARGUMENT"}],
            [{"INVALID_ARGUMENT"}, {"REJECTED"}],
        )
        if kinds[1] == {"REJECTED"}:
            with arena.client() as client:
                assert client.ask(question(code, serial=device.serial)).kind == "ACCEPTED"
    arena.witness.sound(device.serial)


def test_login_and_transfer_share_a_code(arena: Arena, crowd: Crowd) -> None:
    abreast = CLIENTS // 2
    devices = arena.enrol(abreast, period=0)
    codes = [event_codes(device, NUMBERS.operations // abreast) for device in devices]
    for of_round in zip(*codes, strict=True):
        races = [
            [
                question(code, serial=device.serial, operation=operation)
                for operation in ("LOGIN", "TRANSFER")
            ]
            for device, code in zip(devices, of_round, strict=True)
        ]
        for answers in crowd.race(races):
            assert sorted(answer.kind for answer in answers) == ["ACCEPTED", "REPLAYED"]
    for device in devices:
        arena.witness.sound(device.serial)


def asked_by(device: Device, code: str, client: int) -> bytes:
    """Name the token now by its serial, now by its holder: what waits in line may go by either."""
    if client % 2:
        return question(code, subscriber=device.serial)
    return question(code, serial=device.serial)
