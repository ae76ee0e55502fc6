# SPDX-License-Identifier: Apache-2.0
"""grpc.health.v1, telling the truth about whether this process can answer a login now.

What a service leans on is asked again every second. An answer older than
`STALE_AFTER` counts as none: an HSM that hangs is as far away as one that fails.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio
import structlog
from grpc_health.v1.health_pb2 import (  # type: ignore[attr-defined] # stubs older than List
    HealthCheckRequest,
    HealthCheckResponse,
    HealthListRequest,
    HealthListResponse,
)

_LOG: Final = structlog.get_logger("kagimori.health")

EVERY: Final = 1.0
"""Seconds between two questions to the same component."""
STALE_AFTER: Final = 3.0
"""Seconds for which an answer counts."""

Ping: TypeAlias = Callable[[], Awaitable[None]]
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Pulse:
    """Asks one component, again and again, whether it is there."""

    def __init__(self, name: str, ping: Ping) -> None:
        """``ping`` returns if the component answers, and raises or hangs if not."""
        self.name = name
        self._ping = ping
        self._answered_at = -STALE_AFTER
        self._asked = asyncio.Event()

    async def start(self) -> None:
        """Ask, and go on asking; return with the first answer or when it is late.

        So the first caller hears the truth.
        """
        self._beating = asyncio.create_task(self._beat())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), STALE_AFTER)

    def stop(self) -> None:
        """Ask no more."""
        self._beating.cancel()

    @property
    def alive(self) -> bool:
        """Return whether the component answered lately."""
        return time.monotonic() - self._answered_at < STALE_AFTER

    async def _beat(self) -> None:
        while True:
            await self._ask()
            self._asked.set()
            await asyncio.sleep(EVERY)

    async def _ask(self) -> None:
        was_alive = self.alive
        try:
            await self._ping()
            self._answered_at = time.monotonic()
        except Exception as error:  # noqa: BLE001 - whatever it is, the component is away
            self._answered_at = -STALE_AFTER
            if was_alive:
                _LOG.error("component away", component=self.name, error=type(error).__name__)


class Health:
    """Serves grpc.health.v1.Health for the services in ``needs``."""

    def __init__(self, pings: Mapping[str, Ping], needs: Mapping[str, frozenset[str]]) -> None:
        """``needs`` says by service name ("" is the server) which ``pings`` must answer."""
        self._pulses = {name: Pulse(name, ping) for name, ping in pings.items()}
        self._needs = needs
        self._closing = asyncio.Event()

    async def start(self) -> None:
        """Begin to ask."""
        await asyncio.gather(*(pulse.start() for pulse in self._pulses.values()))

    def say_not_serving(self) -> None:
        """Answer NOT_SERVING from now on, and end every watch with it."""
        self._closing.set()
        for pulse in self._pulses.values():
            pulse.stop()

    async def Check(  # noqa: N802 - the RPC's name
        self, request: HealthCheckRequest, context: Context
    ) -> HealthCheckResponse:
        """Return whether the service can answer."""
        status = self._status(request.service)
        if status == HealthCheckResponse.SERVICE_UNKNOWN:
            context.set_code(grpc.StatusCode.NOT_FOUND)
        return HealthCheckResponse(status=status)

    async def List(  # noqa: N802 - the RPC's name
        self, _request: HealthListRequest, _context: Context
    ) -> HealthListResponse:
        """Return the status of every service."""
        statuses = {name: HealthCheckResponse(status=self._status(name)) for name in self._needs}
        return HealthListResponse(statuses=statuses)

    async def Watch(  # noqa: N802 - the RPC's name
        self, request: HealthCheckRequest, _context: Context
    ) -> AsyncIterator[HealthCheckResponse]:
        """Send the status now and whenever it changes."""
        told: int | None = None
        while True:
            ending = self._closing.is_set()
            status = self._status(request.service)
            if status != told:
                yield HealthCheckResponse(status=status)
                told = status
            if ending:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), EVERY)

    def _status(self, service: str) -> int:
        if service not in self._needs:
            return HealthCheckResponse.SERVICE_UNKNOWN
        alive = all(self._pulses[name].alive for name in self._needs[service])
        serving = alive and not self._closing.is_set()
        return HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
