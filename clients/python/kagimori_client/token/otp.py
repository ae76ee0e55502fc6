# SPDX-License-Identifier: Apache-2.0
"""Codes and countdowns of a time-based token (RFC 6238)."""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass
from enum import Enum
from typing import Final

from kagimori_client.token.errors import ClockTooEarly

DIGITS: Final = range(6, 9)
LONGEST_PERIOD: Final = 3600


class HashAlgorithm(Enum):
    """Hash of the HMAC; the value is its name."""

    SHA1 = "SHA1"
    SHA256 = "SHA256"
    SHA512 = "SHA512"


@dataclass(frozen=True, slots=True)
class OtpProfile:
    """How a token computes its codes.

    ``digits`` 6 to 8, ``period`` in seconds, ``t0`` in seconds since 1970 at
    which step 0 begins. Raise `ValueError` for what no token has.
    """

    hash_algorithm: HashAlgorithm
    digits: int
    period: int
    t0: int = 0

    def __post_init__(self) -> None:
        if self.digits not in DIGITS or not 0 < self.period <= LONGEST_PERIOD:
            raise ValueError("digits must be 6 to 8, the period 1 to 3600 seconds")

    def step(self, at: float) -> int:
        """Return the step at ``at``, in seconds since 1970 (RFC 6238 §4.2).

        Raise `ClockTooEarly` before ``t0``.
        """
        step = math.floor(at - self.t0) // self.period
        if step < 0:
            raise ClockTooEarly
        return step

    def seconds_left(self, at: float) -> int:
        """Return the whole seconds that the code at ``at`` is shown for: period - 1 to 0."""
        return self.period - 1 - math.floor(at - self.t0) % self.period


def hotp(seed: bytes, counter: int, profile: OtpProfile) -> str:
    """Return the code of ``counter`` under ``seed`` (RFC 4226 §5.3), ``digits`` long."""
    digest = hmac.digest(seed, counter.to_bytes(8, "big"), profile.hash_algorithm.value)
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**profile.digits).zfill(profile.digits)
