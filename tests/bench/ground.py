# SPDX-License-Identifier: Apache-2.0
"""What the benches of one run share, each part opened when it is first asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from bench import loadgen, stock
from bench.figure import FULL, SMOKE, Rounds
from bench.loadgen import Loadgen
from bench.peer import empty_handler
from bench.places import Settings
from bench.stock import Stock
from development.environment import Environment
from development.server import ServerProcess
from support.databases.postgres import Cluster
from support.served.authority import SERVICE_ID

HOT_TOKENS: Final = 1_000
HOT: Final[Settings] = {"hsm.cache_entries": 2 * HOT_TOKENS}
"""Every seed stays open once it was used."""
WORKERS: Final = 2
CONNECTIONS: Final = 4
"""To each process of a server."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. ``few`` and ``many`` are tokens in a store."""

    rounds: Rounds
    few: int
    many: int


WHOLE: Final = Size(FULL, few=10_000, many=1_000_000)
SMALL: Final = Size(SMOKE, few=HOT_TOKENS, many=10_000)


class Ground:
    """Servers, their peers, and loadgen before each of them.

    Everything lies in ``directory``, and ends with the stack ``opened``.
    """

    def __init__(self, size: Size, directory: Path, opened: ExitStack) -> None:
        """Use `opened`."""
        self.rounds = size.rounds
        self.few = size.few
        self.many = size.many
        self._directory = directory
        self._opened = opened
        loadgen.build()

    @cached_property
    def stock(self) -> Stock:
        """Return the HSM and the tokens that are kept from run to run."""
        return Stock.open()

    @cached_property
    def sqlite(self) -> Loadgen:
        """Return loadgen before a server on `sqlite_place`."""
        self._opened.enter_context(ServerProcess(self.sqlite_place))
        return asking(self.sqlite_place)

    @cached_property
    def sqlite_place(self) -> Environment:
        """Return an authority on SQLite whose seeds stay open."""
        return self.place("sqlite", HOT_TOKENS, HOT)

    @cached_property
    def postgresql(self) -> Loadgen:
        """Return loadgen before two workers on PostgreSQL whose seeds are open."""
        cluster = self._opened.enter_context(Cluster.running())
        settings = {**HOT, "database.url": cluster.create_database()}
        place = self.stock.beside(self._directory / "postgresql", settings)
        stock.apply_tenants(place)
        stock.fill_database(place, HOT_TOKENS)
        self._opened.enter_context(ServerProcess(place, workers=WORKERS))
        return asking(place, workers=WORKERS)

    @cached_property
    def empty(self) -> Loadgen:
        """Return loadgen before the empty handler."""
        return self._empty("empty", workers=1)

    @cached_property
    def empty_workers(self) -> Loadgen:
        """Return loadgen before as many empty handlers as `postgresql` has workers."""
        return self._empty("empty-workers", workers=WORKERS)

    @contextmanager
    def served(
        self,
        name: str,
        tokens: int,
        settings: Settings,
        variables: Mapping[str, str] | None = None,
    ) -> Iterator[Loadgen]:
        """Serve `place`; yield loadgen before it."""
        place = self.place(name, tokens, settings)
        with ServerProcess(place, variables):
            yield asking(place)

    def place(self, name: str, tokens: int, settings: Settings) -> Environment:
        """Return an authority of its own with so many ``tokens``, on SQLite."""
        return self.stock.copy(tokens, self._directory / name, settings)

    def _empty(self, name: str, workers: int) -> Loadgen:
        place = self.place(name, HOT_TOKENS, {})
        target = self._opened.enter_context(empty_handler(place, workers))
        return replace(asking(place, workers), target=target)


@contextmanager
def ground(size: Size) -> Iterator[Ground]:
    """Open a ground, and leave nothing of it behind."""
    stock.KEPT.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=stock.KEPT, prefix="run-") as directory,
        ExitStack() as opened,
    ):
        yield Ground(size, Path(directory), opened)


def asking(place: Environment, workers: int = 1) -> Loadgen:
    """Return loadgen before the server of ``place``."""
    return Loadgen(
        target=place.listen,
        ca=place.certificates / "ca.pem",
        client=place.client(SERVICE_ID),
        tokens=place.directory / stock.TOKENS,
        connections=CONNECTIONS * workers,
    )
