# SPDX-License-Identifier: Apache-2.0
"""The HSM goes away and comes back: an outage is never a customer's failure."""

from __future__ import annotations

import time

from races.arena import Arena
from races.asking import PATIENCE, question
from races.codes import event_codes
from races.numbers import NUMBERS

QUICKLY = PATIENCE / 20
"""Seconds: whoever would have waited half a minute hears at once that there is no HSM."""
RECOVERY = 5.0
"""Seconds in which every token must be served, from when the HSM is back."""


def test_an_hsm_that_is_gone_costs_nobody_an_attempt(arena: Arena) -> None:
    known, unknown = arena.enrol(8, period=0), arena.enrol(8, period=0)
    devices = known + unknown
    codes = {device.serial: event_codes(device, 2) for device in devices}
    with arena.clients(len(devices)) as clients:
        callers = list(zip(clients, devices, strict=True))
        for client, device in callers[: len(known)]:
            assert client.ask(question(codes[device.serial][0], serial=device.serial)).receipt
        processes = arena.processes()
        arena.shim.fail("*", "CKR_DEVICE_REMOVED")
        end = time.monotonic() + NUMBERS.hsm_gone_seconds
        while time.monotonic() < end:
            for client, device in callers:
                asked = time.monotonic()
                answer = client.ask(question(codes[device.serial][1], serial=device.serial))
                assert answer.status == "UNAVAILABLE"
                assert time.monotonic() - asked < QUICKLY
        for device in devices:
            row = arena.witness.token(device.serial)
            assert (row.failures, row.day_failures, row.unlock_failures) == (0, 0, 0)
        arena.shim.clear()
        back = time.monotonic()
        for client, device in callers:
            request = question(codes[device.serial][1], serial=device.serial)
            while (answer := client.ask(request)).status == "UNAVAILABLE":
                assert time.monotonic() - back < RECOVERY
            assert answer.outcome == "ACCEPTED"
        assert time.monotonic() - back < RECOVERY
        assert arena.processes() == processes
    for device in devices:
        arena.witness.sound(device.serial)
