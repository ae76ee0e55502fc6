# SPDX-License-Identifier: Apache-2.0
"""Which HSM to open, as whom, and what the ceremony left there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kagimori import key_policy
from kagimori.domain.token import SealedSeed


@dataclass(frozen=True, slots=True)
class CanarySeed:
    """A seed of nobody's that the ceremony sealed under a tenant's wrapping key.

    ``response`` is its HMAC-SHA256 over ``challenge``: an HSM that gives it has
    opened the seed.
    """

    tenant: str
    sealed: SealedSeed
    challenge: bytes
    response: bytes


@dataclass(frozen=True, slots=True)
class PartitionLogin:
    """A partition by its label, with its user PIN."""

    label: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hsm:
    """Which HSM, as whom, and what the ceremony left there."""

    module: str
    provider: key_policy.Provider
    serving: PartitionLogin
    canaries: Sequence[CanarySeed]


@dataclass(frozen=True, slots=True)
class Sessions:
    """How the serving process uses it.

    ``wait`` bounds every wait for the HSM and ``cache_seconds`` the life of an
    open seed, both in seconds.
    """

    count: int
    wait: float
    cache_entries: int
    cache_seconds: float


class VaultRefused(Exception):
    """The HSM cannot be used as it is: the process must not start."""
