# SPDX-License-Identifier: Apache-2.0
"""Keeps a number of serving processes, and touches neither HSM nor database itself.

One worker is started at a time, and the first of a configuration load alone: a
PIN that is wrong is tried once, and by one.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from kagimori import config
from kagimori.config import Config, ConfigError
from kagimori.processes import logs
from kagimori.processes.exits import Exit
from kagimori.processes.readiness import say_ready
from kagimori.processes.spawn import Worker, spawn

_LOG: Final = structlog.get_logger("kagimori.supervise")

LONGEST_START: Final = 120.0
"""Seconds; a worker that does not serve by then hangs, most likely in the HSM."""
_BEYOND_DRAIN: Final = 7.0
"""Seconds that workers have beyond their drain, which they bound themselves."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_LIVED_WELL: Final = 60.0
"""Seconds after which a worker's end is not held against its place."""


WORKER: Final = (sys.executable, "-m", "kagimori.processes.worker")


def main(path: Path, workers: int, program: Sequence[str] = WORKER) -> int:
    """Keep so many ``workers`` serving until SIGTERM or SIGINT; return the exit code.

    SIGHUP reads the configuration at ``path`` anew and replaces one worker
    after the other. Each runs ``program`` with ``--config`` and ``--line``.
    """
    try:
        settings = _settings(path)
        _insist_on_free(settings.server.listen)
    except ConfigError as error:
        sys.stderr.write(f"kagimori: {error}\n")
        return Exit.REFUSED
    logs.configure(settings.log)
    command = [*program, "--config", str(path)]
    return asyncio.run(Supervisor(command, path, workers, settings).run())


@dataclass(slots=True)
class Place:
    """One of the places that are kept filled."""

    number: int
    worker: Worker | None = None
    filled_at: float = 0.0
    pause: float = field(default=0.0)

    def next_pause(self) -> float:
        """Return the seconds to wait: none at first, longer for those who end soon."""
        if time.monotonic() - self.filled_at > _LIVED_WELL:
            self.pause = 0.0
        pause, self.pause = self.pause, min(max(self.pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        return pause


class Supervisor:
    """Starts workers, replaces those that end, and ends them all."""

    def __init__(self, command: Sequence[str], path: Path, workers: int, settings: Config) -> None:
        """``command`` starts a worker; `run` it once."""
        self._command = command
        self._path = path
        self._settings = settings
        self._places = [Place(number) for number in range(1, workers + 1)]
        self._living: set[Worker] = set()
        self._retired: set[Worker] = set()
        self._watches: set[asyncio.Task[None]] = set()
        self._one_start = asyncio.Lock()
        self._login_refused = False
        self._hangup = asyncio.Event()
        self._loaded = asyncio.Event()

    async def run(self) -> int:
        """Keep the workers until a signal, then end them; return the exit code."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._hangup.set)
        work = loop.create_task(self._work())
        stopping = loop.create_task(stop.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return work.result() if work.done() else Exit.STOPPED
        finally:
            work.cancel()
            stopping.cancel()
            await asyncio.wait({work})
            await self._end_all()

    async def _work(self) -> int:
        """Return only if the first worker cannot serve: its exit code."""
        _LOG.info("supervising", listen=self._settings.server.listen, workers=len(self._places))
        first = self._places[0]
        if (code := await self._fill(first, None, "first")) is not None:
            return code
        say_ready()
        async with asyncio.TaskGroup() as group:
            for place in self._places:
                group.create_task(self._keep(place))
            group.create_task(self._roll_at_hangups())
        raise AssertionError("places are kept for ever")

    async def _keep(self, place: Place) -> None:
        """Keep somebody serving in ``place``."""
        while True:
            worker = place.worker
            why = "first" if worker is None else await self._vacancy(worker)
            # A rolling restart may have replaced it already.
            if place.worker is worker:
                await self._refill(place, why)

    async def _vacancy(self, worker: Worker) -> str:
        wish = await worker.leaving()
        return "ended" if wish is None else str(wish)

    async def _refill(self, place: Place, why: str) -> None:
        predecessor = place.worker
        if predecessor is not None:
            await asyncio.sleep(place.next_pause())
        while await self._fill(place, predecessor, why) is not None:
            if self._login_refused:
                self._loaded.clear()
                await self._loaded.wait()
            else:
                await asyncio.sleep(place.next_pause())

    async def _roll_at_hangups(self) -> None:
        while True:
            await self._hangup.wait()
            self._hangup.clear()
            # So there are never three to a place.
            await asyncio.gather(*(worker.ended for worker in self._retired))
            try:
                self._settings = _settings(self._path)
            except ConfigError as error:
                _LOG.error("configuration refused: the workers stay", reason=str(error))
            else:
                await self._roll()

    async def _roll(self) -> None:
        """Replace one worker after the other; stop at the first that cannot serve."""
        self._login_refused = False
        self._loaded.set()
        for place in self._places:
            async with self._one_start:
                # One that was just starting has read the configuration of before.
                predecessor = place.worker
            code = await self._fill(place, predecessor, "configuration")
            if code is not None:
                _LOG.error("rolling restart given up: the other workers stay", code=code)
                return
        _LOG.info("rolling restart done")

    async def _fill(self, place: Place, predecessor: Worker | None, why: str) -> int | None:
        """Start a worker in place of ``predecessor``; return its exit code if it cannot serve.

        Only when it serves is its predecessor retired.
        """
        async with self._one_start:
            if place.worker is not predecessor:
                return None
            if self._login_refused:
                return Exit.LOGIN_REFUSED
            worker = await self._started(place, why)
            if not await worker.serves(LONGEST_START):
                code = await worker.ended
                self._login_refused = code == Exit.LOGIN_REFUSED
                return code
            _LOG.info("worker serving", place=place.number, worker=worker.pid)
            place.worker, place.filled_at = worker, time.monotonic()
            if predecessor in self._living:
                self._retired.add(predecessor)
                predecessor.retire()
            return None

    async def _started(self, place: Place, why: str) -> Worker:
        worker = await spawn(self._command)
        self._living.add(worker)
        seeing_off = asyncio.create_task(self._see_off(place, worker))
        self._watches.add(seeing_off)
        seeing_off.add_done_callback(self._watches.discard)
        _LOG.info("worker started", place=place.number, worker=worker.pid, why=why)
        return worker

    async def _see_off(self, place: Place, worker: Worker) -> None:
        code = await worker.ended
        self._living.discard(worker)
        self._retired.discard(worker)
        tell = _LOG.info if code == Exit.STOPPED else _LOG.error
        tell("worker ended", place=place.number, worker=worker.pid, code=code)

    async def _end_all(self) -> None:
        """Let the workers finish; end those that do not within their bound."""
        _LOG.info("stopping", workers=[worker.pid for worker in self._living])
        for worker in self._living:
            worker.terminate()
        seeing_off = set(self._watches)
        if seeing_off:
            seconds = self._settings.server.drain_seconds + _BEYOND_DRAIN
            await asyncio.wait(seeing_off, timeout=seconds)
        for worker in self._living:
            worker.kill()
        if seeing_off:
            await asyncio.wait(seeing_off)
        _LOG.info("stopped")


def _settings(path: Path) -> Config:
    """Read the configuration; refuse what many processes cannot share."""
    settings = config.load(path)
    if settings.database.url.startswith("sqlite:"):
        msg = (
            "database.url: SQLite is one serving process: "
            "leave --workers out, or use PostgreSQL for several"
        )
        raise ConfigError(f"{path}: {msg}")
    return settings


def _insist_on_free(listen: str) -> None:
    """Refuse an address that is taken: SO_REUSEPORT would share it with a stranger's workers."""
    host, _, port = listen.rpartition(":")
    try:
        with socket.create_server((host.strip("[]"), int(port)), family=_family(host)):
            return
    except OSError as error:
        raise ConfigError(f"server.listen: {error.strerror}: {listen}") from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if host.startswith("[") else socket.AF_INET
