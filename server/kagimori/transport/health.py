# SPDX-License-Identifier: Apache-2.0
"""grpc.health.v1, telling the truth about whether this process can answer a login now.

What a service leans on is asked again every second, each by a thread of its
own. An answer older than `STALE_AFTER` counts as none: an HSM that hangs is as
far away as one that fails.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import grpc
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

Send = Callable[[HealthCheckResponse | None], None]


class Pulse:
    """Asks one component, again and again, whether it is there."""

    def __init__(self, name: str, ping: Callable[[], None]) -> None:
        """``ping`` returns if the component answers, and raises or hangs if not."""
        self.name = name
        self._ping = ping
        self._answered_at = -STALE_AFTER
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"pulse-{name}", daemon=True)

    def start(self) -> None:
        """Ask once here, so that the first caller hears the truth; then go on asking."""
        self._ask()
        self._thread.start()

    def stop(self) -> None:
        """Ask no more. A ping that hangs is left behind: its thread is a daemon."""
        self._stopped.set()
        self._thread.join(timeout=EVERY)

    @property
    def alive(self) -> bool:
        """Return whether the component answered lately."""
        return time.monotonic() - self._answered_at < STALE_AFTER

    def _beat(self) -> None:
        while not self._stopped.wait(EVERY):
            self._ask()

    def _ask(self) -> None:
        was_alive = self.alive
        try:
            self._ping()
            self._answered_at = time.monotonic()
        except Exception as error:  # noqa: BLE001 - whatever it is, the component is away
            self._answered_at = -STALE_AFTER
            if was_alive:
                _LOG.error("component away", component=self.name, error=type(error).__name__)


class Health:
    """Serves grpc.health.v1.Health for the services in ``needs``."""

    def __init__(
        self, pings: Mapping[str, Callable[[], None]], needs: Mapping[str, frozenset[str]]
    ) -> None:
        """``needs`` says by service name ("" is the server) which ``pings`` must answer."""
        self._pulses = {name: Pulse(name, ping) for name, ping in pings.items()}
        self._needs = needs
        self._closing = False
        self._ended = False
        self._news = threading.Event()
        self._lock = threading.Lock()
        self._watchers: dict[Send, tuple[str, int | None]] = {}
        self._herald = threading.Thread(target=self._tell_watchers, name="health", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        for pulse in self._pulses.values():
            pulse.start()
        self._herald.start()

    def say_not_serving(self) -> None:
        """Answer NOT_SERVING from now on, and end every watch with it."""
        self._closing = True
        self._news.set()
        # Bounded: a watcher that does not read must not hold up the end.
        self._herald.join(timeout=EVERY)
        for pulse in self._pulses.values():
            pulse.stop()

    def Check(  # noqa: N802 - the RPC's name
        self, request: HealthCheckRequest, context: grpc.ServicerContext
    ) -> HealthCheckResponse:
        """Return whether the service can answer."""
        status = self._status(request.service)
        if status == HealthCheckResponse.SERVICE_UNKNOWN:
            context.set_code(grpc.StatusCode.NOT_FOUND)
        return HealthCheckResponse(status=status)

    def List(  # noqa: N802 - the RPC's name
        self, _request: HealthListRequest, _context: grpc.ServicerContext
    ) -> HealthListResponse:
        """Return the status of every service."""
        statuses = {name: HealthCheckResponse(status=self._status(name)) for name in self._needs}
        return HealthListResponse(statuses=statuses)

    def Watch(  # noqa: N802 - the RPC's name
        self, request: HealthCheckRequest, context: grpc.ServicerContext, send: Send
    ) -> None:
        """Send the status now and whenever it changes."""
        # Only the herald sends, so that no status overtakes a later one.
        with self._lock:
            too_late = self._ended
            if not too_late:
                self._watchers[send] = (request.service, None)
        if too_late:
            self._tell(send, request.service, None, last=True)
        elif not context.add_callback(lambda: self._forget(send)):
            self._forget(send)
        self._news.set()

    # A watch is as long as a connection: it must not hold one of the pool's threads.
    Watch.experimental_non_blocking = True  # type: ignore[attr-defined] # gRPC's mark

    def _status(self, service: str) -> int:
        if service not in self._needs:
            return HealthCheckResponse.SERVICE_UNKNOWN
        alive = all(self._pulses[name].alive for name in self._needs[service])
        serving = alive and not self._closing
        return HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING

    def _tell_watchers(self) -> None:
        while not self._ended:
            self._news.wait(EVERY)
            self._news.clear()
            with self._lock:
                self._ended = self._closing
                watchers = dict(self._watchers)
            for send, (service, told) in watchers.items():
                self._tell(send, service, told, last=self._ended)

    def _tell(self, send: Send, service: str, told: int | None, *, last: bool) -> None:
        status = self._status(service)
        try:
            if status != told:
                send(HealthCheckResponse(status=status))
            if last:
                send(None)
        except Exception as error:  # noqa: BLE001 - one broken watch must not silence the others
            _LOG.warning("watch broken", error=type(error).__name__)
            self._forget(send)
        with self._lock:
            if send in self._watchers:
                self._watchers[send] = (service, status)

    def _forget(self, send: Send) -> None:
        with self._lock:
            self._watchers.pop(send, None)
