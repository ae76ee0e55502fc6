# SPDX-License-Identifier: Apache-2.0
"""The display of a token in the customer's hand: oathtool, not our own code.

The seed goes in on standard input, never as an argument that ``ps`` would show.
"""

from __future__ import annotations

import subprocess

from development.vendor import Device


def time_code(device: Device, at: float, steps: int = 0) -> str:
    """Return the code at ``at`` (seconds since 1970, UTC), ``steps`` periods later.

    A device whose clock drifts shows what its own clock says.
    """
    now = int(at) + (steps + device.drift) * device.period
    return _run(
        device,
        f"--totp={device.hash}",
        f"--time-step-size={device.period}s",
        f"--now=@{now}",
    )


def codes(device: Device, first: int, count: int) -> list[str]:
    """Return the codes of ``count`` steps since 1970, or counters, from ``first`` on."""
    several = f"--window={count - 1}"
    if not device.period:
        return _run(device, "--hotp", f"--counter={first}", several).split()
    step, at = f"--time-step-size={device.period}s", f"--now=@{first * device.period}"
    return _run(device, f"--totp={device.hash}", step, at, several).split()


def event_code(device: Device, counter: int) -> str:
    """Return the code of ``counter``."""
    if device.hash != "SHA1":
        raise ValueError("oathtool computes HOTP with SHA-1 only")
    return _run(device, "--hotp", f"--counter={counter}")


def _run(device: Device, *options: str) -> str:
    command = ["oathtool", *options, f"--digits={device.digits}", "-"]
    done = subprocess.run(
        command, input=device.seed.hex(), capture_output=True, check=True, text=True
    )
    return done.stdout.strip()
