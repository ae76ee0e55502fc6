# SPDX-License-Identifier: Apache-2.0
"""What an administrator sees of the HSM that this process serves from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TenantKeys:
    """The versions of one tenant's keys. ``service_id`` is 8 digits."""

    service_id: str
    wrapping_version: int
    row_version: int


@dataclass(frozen=True, slots=True)
class SeedCache:
    """Searches that found their seed open or not, and the seeds open now."""

    hits: int
    misses: int
    entries: int


@dataclass(frozen=True, slots=True)
class HsmStatus:
    """The serving partition, as it answered just now.

    ``library_version`` is "major.minor"; ``answering`` is False when the canary
    seed could not be opened and used, and the rest is then what was last known.
    """

    partition: str
    manufacturer: str
    library_version: str
    answering: bool
    tenants: tuple[TenantKeys, ...]
    cache: SeedCache


class HsmInspector(Protocol):
    """Looks at the HSM. It never raises: an HSM that is away is a finding."""

    async def status(self) -> HsmStatus:
        """Use the canary seed, now, and say what was found."""
        ...
