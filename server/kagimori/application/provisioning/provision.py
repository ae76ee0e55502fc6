# SPDX-License-Identifier: Apache-2.0
"""Setting an app up: the seeds that it drew, sealed to the HSM, become a token.

What is counted is counted before anything is computed: first the calls from one
address and for one bank, then the tries of an enrolment. Whoever is refused has
cost the same work, whatever was wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from kagimori.application.provisioning.attempt import Attempt
from kagimori.application.provisioning.under_way import UnderWay
from kagimori.application.provisioning.wish import Done, Means, SetUp
from kagimori.domain.errors import TooManyTries


@dataclass(frozen=True, slots=True)
class Limits:
    """Set-ups tried in a minute from one address and for one bank, and under way at once."""

    per_peer: int = 20
    per_service: int = 600
    under_way: int = 256


class ProvisionIssuedToken:
    """The use case behind the RPC of that name."""

    def __init__(self, means: Means, limits: Limits) -> None:
        """Work with ``means``, as often as ``limits`` allow."""
        self._means = means
        self._limits = limits
        self._under_way: UnderWay[Done] = UnderWay(limits.under_way)

    async def __call__(self, asked: SetUp) -> Done:
        """Make the app's seeds a token of the customer's.

        Raises `InvalidField`, `NotOffered`, `TooManyTries`, `ActivationRefused`,
        `ActivationExpired`, `AlreadyProvisioned`, `LiveToken`, `EnvelopeRefused`,
        `Overloaded`, `HsmUnavailable` or `StoreUnavailable`. A caller who gives up
        ends nothing: a password that was tried is judged and written down.
        """
        attempt = Attempt(self._means, asked)
        return await self._under_way.run(lambda: self._counted(attempt, asked))

    async def finish(self) -> None:
        """Return when nothing is under way any more."""
        await self._under_way.finish()

    async def _counted(self, attempt: Attempt, asked: SetUp) -> Done:
        limits = {
            f"peer:{asked.peer}": self._limits.per_peer,
            f"service:{asked.service_id}": self._limits.per_service,
        }
        wait = await self._means.limits.count(limits)
        if wait is not None:
            raise TooManyTries("too many set-ups were tried lately", wait)
        return await attempt.run()
