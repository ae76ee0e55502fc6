# SPDX-License-Identifier: Apache-2.0
"""What the tokens show, many codes at a time, by oathtool."""

from __future__ import annotations

import itertools
import subprocess
import time

from development.vendor import Device
from races.arena import REACH


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
        near = set(time_codes(device, -REACH - 10, REACH + 10))
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
