# SPDX-License-Identifier: Apache-2.0
"""Which tokens' clocks are near the edge of what the tenant's windows follow, or beyond."""

from __future__ import annotations

from collections.abc import AsyncIterator

from kagimori.application.inventory.shelf import pages
from kagimori.application.inventory.shelf_ports import Shelf, Shelved, Wanted
from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.value import value


@value(frozen=True, slots=True)
class Drifting:
    """A token whose clock is off by many steps.

    ``room`` is how many more steps successes would follow it; below 0 it is further
    out than that, where a resynchronisation has found it.
    """

    token: Shelved
    room: int


async def drifting(shelf: Shelf, policy: TenantPolicy, edge: int) -> AsyncIterator[Drifting]:
    """Yield the clocks within ``edge`` steps of ``max_drift``: the worst first, then by serial.

    A clock that is right is never one of them. Each error is looked for anew: memory
    does not grow with the inventory.
    """
    most = policy.windows.max_drift
    errors = {
        abs(token.drift)
        async for token in _off_by(shelf, policy.service_id, (max(1, most - edge), None))
    }
    for error in sorted(errors, reverse=True):
        async for token in _off_by(shelf, policy.service_id, (error, error)):
            yield Drifting(token, most - error)


async def _off_by(
    shelf: Shelf, tenant: str, steps: tuple[int, int | None]
) -> AsyncIterator[Shelved]:
    async for page in pages(shelf, tenant, Wanted(drift=steps)):
        for token in page.tokens:
            yield token
