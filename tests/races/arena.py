# SPDX-License-Identifier: Apache-2.0
"""An authority to race against: what it is made of can be killed, held up and looked into."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from development.environment import ROOT, Environment, environment_variables, kagimori
from development.server import ServerProcess
from development.vendor import Device
from races.asking import Answer, Asked, Client, Door, question
from races.codes import REACH, make_unambiguous_device
from races.sites import PROCESSES, Site
from races.witness import Witness
from support.custody.shim import SOFTHSM, Shim
from support.processes.calls import eventually

TENANT = "abukuma"
VENDOR = "kagi-keywrap"
LIMIT = 5
HELD_UP = 20.0
"""Seconds that a search may be held up before its process is given up as hanging."""
WINDOW = 2 * REACH + 1
"""Steps that a search for a wrong code of a time-based token looks at."""

# In the tenant's table of the tenants' file.
_OUR_RULES = rf"(?m)(^\[{TENANT}\]\n(?:[^\[].*\n)*?)limits = .*\nwindows = .*\n"
_OUR_TOKENS = rf"(?m)(^\[{TENANT}\]\n(?:[^\[].*\n)*?tokens = {{[^}}\n]*?) }}"
_RULES = f"""\
limits = {{ consecutive = {LIMIT}, daily = 1000, since_unlock = 1000 }}
windows = {{ time = {REACH}, look_ahead = {REACH}, max_drift = 0 }}
bounds = {{ per_day = "{WINDOW}/1000", per_year = "{WINDOW}/1000" }}
signing = {{ minutes = 10, profiles = ["SCANNED", "TYPED"] }}
"""


@dataclass
class Arena:
    """An authority whose HSM is reached through the shim; see `arena_at`."""

    place: Environment
    site: Site
    server: ServerProcess
    shim: Shim
    witness: Witness
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def door(self) -> Door:
        """Return where to ask."""
        return Door.of(self.place)

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Return a caller with a connection of its own."""
        client = Client(self.door)
        try:
            yield client
        finally:
            client.close()

    @contextmanager
    def clients(self, count: int) -> Iterator[list[Client]]:
        """Return callers with a connection each: many of them meet every process there is."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.client()) for _ in range(count)]

    def enrol(self, count: int = 1, period: int = 30) -> list[Device]:
        """Put new tokens into customers' hands, in use at once; period 0 is event-based.

        The customer is called as the token's serial is.
        """
        numbers = itertools.islice(self._numbers, count)
        devices = [make_unambiguous_device(f"RACE{number:05d}", period) for number in numbers]
        file = self.place.write_vendor_file(VENDOR, devices)
        options = ["--config", self.place.config, "--tenant", TENANT, "--vendor", VENDOR]
        bindings = [f"--assign={device.serial}={device.serial}" for device in devices]
        _run(self.shim, "import-tokens", file, *options, "--activate", *bindings)
        return devices

    def searches(self) -> int:
        """Return how many whole windows were searched in vain since the shim's `reset`.

        Only time-based tokens may have been asked for since.
        """
        evaluated = self.evaluated()
        assert evaluated % WINDOW == 0, f"{evaluated} HMACs are no number of whole windows"
        return evaluated // WINDOW

    def evaluated(self) -> int:
        """Return how many codes the HSM has computed since the shim's `reset`.

        Whatever else is signed goes with an unwrap: a row's MAC before its seed is
        opened, the canary of a ping.
        """
        counts = self.shim.counts()
        return counts["C_Sign"] - counts["C_UnwrapKey"]

    @contextmanager
    def searching_slowly(self, for_seconds: float | None = None) -> Iterator[None]:
        """Hold every HMAC up until the block is left, or for so long at most."""
        self.shim.hang("C_Sign", 60_000)
        timer = threading.Timer(for_seconds or 60.0, self.shim.clear)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            self.shim.clear()

    def processes(self) -> list[int]:
        """Return the ids of the processes that serve."""
        return [self.server.pid] if self.site.workers is None else self.server.worker_pids()

    def kill_one(self, chance: random.Random) -> None:
        """End a serving process as a power cut would.

        A lone server is started again here; a worker's supervisor sees to it.
        """
        if self.site.workers is None:
            self.server.kill()
            self.server.start()
        else:
            # A start takes a second: kills may come faster than workers.
            eventually(lambda: self._killed(chance))

    def _killed(self, chance: random.Random) -> bool:
        pids = self.server.worker_pids()
        with suppress(ProcessLookupError):
            if pids:
                os.kill(chance.choice(pids), signal.SIGKILL)
                return True
        return False

    def until_all_serve(self) -> None:
        """Wait until a claim and a settlement go well, whichever process is met."""
        nobody = question("123456", serial="NOBODY")
        with self.clients(4 * PROCESSES) as clients:
            for client in clients:
                assert insist(client, nobody).outcome == "UNKNOWN_TOKEN"

    def until_claimed(self, *serials: str) -> None:
        """Wait until a verification of each token has spent its attempt."""
        eventually(lambda: self.witness.held(serials))

    def until_settled(self, serial: str) -> None:
        """Wait until no verification holds the token."""
        eventually(lambda: not self.witness.held((serial,)))


def insist(client: Client, request: Asked, seconds: float = 1.0) -> Answer:
    """Ask the same until there is an answer."""
    answers: list[Answer] = []

    def told() -> bool:
        answers.append(client.ask(request, seconds))
        return answers[-1].status not in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}

    eventually(told)
    return answers[-1]


@contextmanager
def arena_at(site: Site, place: Environment) -> Iterator[Arena]:
    """Serve from ``place``, an authority whose HSM is ready, with its state at ``site``."""
    shim = Shim(place.directory)
    _configure(place, shim, site.url)
    _run(shim, "database", "--config", place.config)
    _run(shim, "tenants", "apply", "--config", place.config, "--yes")
    witness = Witness(site.direct)
    variables = {**shim.environment, **site.variables}
    with ServerProcess(place, variables, site.workers) as server:
        yield Arena(place, site, server, shim, witness)


def _run(shim: Shim, *arguments: object) -> None:
    words = [str(argument) for argument in arguments]
    done = kagimori(*words, env=environment_variables(**shim.environment))
    assert done.returncode == 0, done.stdout + done.stderr


def _configure(place: Environment, shim: Shim, url: str) -> None:
    tenants = (ROOT / "config" / "tenants.toml").read_text()
    tenants = _changed(_OUR_RULES, rf"\1{_RULES}", tenants)
    tenants = _changed(_OUR_TOKENS, r"\1, transaction_signing = true }", tenants)
    # A race for a token is none for a card.
    tenants = _changed(r"(?m)^grid_card = true$", "grid_card = false", tenants)
    (place.directory / "tenants.toml").write_text(tenants)
    text = _changed(r"(?m)^tenants = .*", 'tenants = "tenants.toml"', place.config.read_text())
    text = _changed(r"(?m)^url = .*", f'url = "{url}"', text)
    text = _changed(r"(?m)^\[hsm\]$", f"[hsm]\nwait_seconds = {HELD_UP}", text)
    place.config.write_text(_changed(re.escape(str(SOFTHSM)), str(shim.path), text))


def _changed(pattern: str, new: str, text: str) -> str:
    text, found = re.subn(pattern, new, text, count=1)
    assert found == 1, f"{pattern} is not in the configuration"
    return text
