# SPDX-License-Identifier: Apache-2.0
"""HOTP in Rust with an HMAC in software, beside pyotp on the same key."""

from __future__ import annotations

import base64
import time

import pyotp

from bench import rust
from bench.figure import Figure, by_turns
from bench.ground import Ground

_KEY = b"12345678901234567890"
_BATCH = 1000


def measure(ground: Ground) -> Figure:
    """Return codes per second of both, each on one core."""
    program = rust.build("kagimori-otp", "otp_core")
    token = pyotp.HOTP(base64.b32encode(_KEY).decode())
    rounds = ground.rounds
    seconds = rounds.milliseconds / 1000
    return by_turns(
        rounds,
        lambda: float(rust.run(program, str(rounds.milliseconds))),
        lambda: _pyotp_rate(token, seconds),
    )


def _pyotp_rate(token: pyotp.HOTP, seconds: float) -> float:
    begin, counter = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        for _ in range(_BATCH):
            token.at(counter)
            counter += 1
    return counter / (time.perf_counter() - begin)
