# SPDX-License-Identifier: Apache-2.0
"""How often each race is run: a fault that shows once in a hundred needs hundreds."""

from __future__ import annotations

import os
from dataclasses import dataclass

VARIABLE = "KAGIMORI_RACES"


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one run of the room costs."""

    same_code: int
    neighbours: int
    retries: int
    operations: int
    batches: int
    restarts: int
    kills: int
    outages: int
    delivered: int
    import_kills: int
    disk_writes_apart: int
    """From one write of a disk at which a server is killed to the next."""
    writes_apart: int
    """And of statements that write, which are fewer."""
    hsm_gone_seconds: float
    longest_test: float
    """Seconds after which a test is given up."""


CHOICES = {
    # For broken builds: enough for the fault that the patch makes likely.
    "quick": Numbers(
        same_code=16,
        neighbours=32,
        retries=10,
        operations=160,
        batches=16,
        restarts=3,
        kills=10,
        outages=1,
        delivered=2000,
        import_kills=2,
        disk_writes_apart=7,
        writes_apart=3,
        hsm_gone_seconds=2.0,
        longest_test=300.0,
    ),
    "usual": Numbers(
        same_code=200,
        neighbours=200,
        retries=50,
        operations=200,
        batches=50,
        restarts=12,
        kills=100,
        outages=3,
        delivered=5000,
        import_kills=5,
        disk_writes_apart=4,
        writes_apart=1,
        hsm_gone_seconds=10.0,
        longest_test=600.0,
    ),
    "full": Numbers(
        same_code=1000,
        neighbours=1000,
        retries=500,
        operations=1000,
        batches=500,
        restarts=100,
        kills=500,
        outages=50,
        delivered=100_000,
        import_kills=20,
        disk_writes_apart=1,
        writes_apart=1,
        hsm_gone_seconds=10.0,
        longest_test=7200.0,
    ),
}

NUMBERS = CHOICES[os.environ.get(VARIABLE, "usual")]
