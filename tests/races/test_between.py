# SPDX-License-Identifier: Apache-2.0
"""What happens to a token, a caller or a lease between claim and settlement.

The search is held up at the HSM, the world changes, and the search goes on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from races.arena import LIMIT, Arena, insist
from races.asking import Answer, Client, outcome_of, question
from races.codes import event_codes, wrong_codes

ENDINGS: Mapping[str, Mapping[str, object]] = {
    "locked": {"state": "LOCKED"},
    "taken out of use": {"state": "ASSIGNED"},
    "taken away from its customer": {"state": "IN_STOCK", "subscriber": None},
}
"""What an operator's command changes; the token's generation goes up with it."""


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_token_that_ends_meanwhile_is_not_accepted(
    arena: Arena, ending: Mapping[str, object]
) -> None:
    (device,) = arena.enrol(period=0)
    request = question(event_codes(device, 1)[0], serial=device.serial)
    with arena.client() as client:
        with arena.searching_slowly():
            call = client.begin(request)
            arena.until_claimed(device.serial)
            arena.witness.change(device.serial, generation=2, **ending)
        assert outcome_of(call).kind != "ACCEPTED"
        arena.witness.expire_leases(device.serial)
        assert insist(client, request).outcome in {"LOCKED", "NOT_ACTIVE", "UNKNOWN_TOKEN"}
    assert arena.witness.accepted(device.serial) == []
    assert arena.witness.steps(device.serial) == []


def test_a_state_alone_and_a_generation_alone_end_a_verification(arena: Arena) -> None:
    devices = arena.enrol(2, period=0)
    changes: tuple[Mapping[str, object], ...] = ({"state": "LOCKED"}, {"generation": 2})
    with arena.client() as client:
        for device, change in zip(devices, changes, strict=True):
            with arena.searching_slowly():
                call = client.begin(question(event_codes(device, 1)[0], serial=device.serial))
                arena.until_claimed(device.serial)
                arena.witness.change(device.serial, **change)
            assert outcome_of(call).kind != "ACCEPTED"
            assert arena.witness.accepted(device.serial) == []


def test_guesses_whose_callers_hang_up_are_spent_all_the_same(arena: Arena) -> None:
    (device,) = arena.enrol(period=0)
    right = event_codes(device, 1)[0]
    with arena.client() as client:
        for number, guess in enumerate(wrong_codes(device, LIMIT), 1):
            request = question(guess, serial=device.serial)
            _hang_up(arena, client, device.serial, request)
            arena.until_settled(device.serial)
            assert arena.witness.token(device.serial).failures == number
            answer = insist(client, request)
            assert answer.outcome == ("LOCKED" if number == LIMIT else "REJECTED")
            assert answer.attempts_left == LIMIT - number
        assert client.ask(question(right, serial=device.serial)).kind == "LOCKED"


def test_a_right_code_whose_caller_hung_up_is_told_to_the_same_request(arena: Arena) -> None:
    (device,) = arena.enrol(period=0)
    code = event_codes(device, 1)[0]
    request = question(code, serial=device.serial)
    with arena.client() as client:
        _hang_up(arena, client, device.serial, request)
        answer = insist(client, request)
        assert answer.outcome == "ACCEPTED"
        (accepted,) = arena.witness.accepted(device.serial)
        assert accepted.receipt == answer.receipt
        assert client.ask(question(code, serial=device.serial)).kind == "REPLAYED"
    arena.witness.sound(device.serial)


def test_a_lease_that_ran_out_cannot_settle(arena: Arena) -> None:
    (device,) = arena.enrol(period=0)
    request = question(event_codes(device, 1)[0], serial=device.serial)
    with arena.client() as client:
        with arena.searching_slowly():
            call = client.begin(request)
            arena.until_claimed(device.serial)
            arena.witness.expire_leases(device.serial)
        assert outcome_of(call).kind == "UNAVAILABLE"
        assert arena.witness.accepted(device.serial) == []
        # Nobody has used the token since, so the request goes on where it broke off.
        assert insist(client, request).outcome == "ACCEPTED"
    arena.witness.sound(device.serial)


def test_whoever_takes_an_expired_lease_is_the_only_one_to_settle(arena: Arena) -> None:
    (device,) = arena.enrol(period=0)
    code = event_codes(device, 1)[0]
    with arena.client() as slow, arena.client() as quick:
        with arena.searching_slowly():
            stalled = slow.begin(question(code, serial=device.serial))
            arena.until_claimed(device.serial)
            arena.witness.expire_leases(device.serial)
            # By another name, so that it does not wait in the same line.
            second = quick.begin(question(code, subscriber=device.serial))
            _until_claimed_twice(arena, device.serial)
        assert outcome_of(second).kind == "ACCEPTED"
        assert outcome_of(stalled).kind in {"UNAVAILABLE", "REPLAYED"}
    assert len(arena.witness.accepted(device.serial)) == 1
    arena.witness.sound(device.serial)


def _hang_up(arena: Arena, client: Client, serial: str, request: bytes) -> None:
    """Cancel the call while its search is under way, and let the search end."""
    with arena.searching_slowly():
        call = client.begin(request)
        arena.until_claimed(serial)
        call.cancel()
        assert outcome_of(call) == Answer("CANCELLED")


def _until_claimed_twice(arena: Arena, serial: str) -> None:
    """Wait for it where it can be: one process lets nobody in before the first has ended."""
    end = time.monotonic() + 0.5
    while time.monotonic() < end and arena.witness.claims(serial) < 2:
        time.sleep(0.01)
