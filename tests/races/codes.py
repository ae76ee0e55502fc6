# SPDX-License-Identifier: Apache-2.0
"""What the tokens show, many codes at a time, by oathtool."""

from __future__ import annotations

import itertools
import subprocess
import time

from development.vendor import Device, make_device

REACH = 10
"""Steps either way that a search looks for a code, in the arena: room for many races a token."""

_RACED_FOR = 600
"""Codes of an event-based token that a race may ask for, at most."""


def make_unambiguous_device(serial: str, period: int) -> Device:
    """Return a device that shows no code twice within the reach of one search.

    Six digits come again by chance once in a million: the search then finds the
    nearer step, which a race that counts steps would take for a broken promise.
    """
    while True:
        device = make_device(serial, period=period)
        if not _repeats(device):
            return device


def _repeats(device: Device) -> bool:
    if device.period:
        shown = time_codes(device, -2 * REACH, 2 * REACH)
    else:
        shown = event_codes(device, _RACED_FOR)
    return any(code in shown[place + 1 : place + 1 + 2 * REACH] for place, code in enumerate(shown))


def event_codes(device: Device, count: int) -> list[str]:
    """Return the first ``count`` codes of an event-based token."""
    return _run(device, "--hotp", "--counter=0", f"--window={count - 1}")


def time_codes(device: Device, first: int, last: int) -> list[str]:
    """Return the codes from ``first`` to ``last`` steps off the present one."""
    at = int(time.time()) + first * device.period
    step = f"--time-step-size={device.period}s"
    return _run(device, f"--totp={device.hash}", step, f"--now=@{at}", f"--window={last - first}")


def wrong_codes(device: Device, count: int) -> list[str]:
    """Return codes that the token shows neither now nor in the minutes around."""
    if device.period:
        near = set(time_codes(device, -2 * REACH, 2 * REACH))
    else:
        near = set(event_codes(device, 100))
    every = (f"{number:0{device.digits}d}" for number in itertools.count())
    return list(itertools.islice((code for code in every if code not in near), count))


def _run(device: Device, *options: str) -> list[str]:
    command = ["oathtool", *options, f"--digits={device.digits}", "-"]
    done = subprocess.run(
        command, input=device.seed.hex(), capture_output=True, check=True, text=True
    )
    return done.stdout.split()
