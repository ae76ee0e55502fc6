# SPDX-License-Identifier: Apache-2.0
"""kill -9 in the middle of an import, again and again: each token comes in once, and works."""

from __future__ import annotations

import csv
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import ABUKUMA, channel_of
from development import oathtool
from development.environment import Environment, command
from development.server import ServerProcess
from development.vendor import Device
from races.numbers import NUMBERS
from support.vendors.pskc_bulk import seed_number, serial_number, write_pskc

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not Path("/usr/lib/softhsm/libsofthsm2.so").exists(), reason="no SoftHSM"),
    pytest.mark.timeout(NUMBERS.longest_test),
]

VENDOR = "kagi-keywrap"
BATCH = 256
SAMPLE = 12
"""Tokens in customers' hands whose codes are tried at the end."""

# The command, but that its process ends itself when so many batches were stored
# and before it has written a word of the last one.
SILENT = """
import os, signal, sys
from kagimori.adapters.report_file import ReportFile
from kagimori.cli import main
batches = int(sys.argv.pop(1))
def tell(*_):
    global batches
    batches -= 1
    if not batches:
        os.kill(os.getpid(), signal.SIGKILL)
ReportFile.tell = tell
main()
"""


@dataclass(frozen=True)
class Delivery:
    """A file, and the command that imports it; some of its tokens go to customers."""

    place: Environment
    file: Path
    count: int

    @property
    def sample(self) -> list[int]:
        """Return numbers of tokens from all over the file, time- and event-based."""
        return [self.count * part // SAMPLE + part % 2 for part in range(SAMPLE)]

    @property
    def report(self) -> Path:
        return self.file.with_suffix(".csv")

    @property
    def arguments(self) -> list[str]:
        options = ["--config", self.place.config, "--tenant", "abukuma", "--vendor", VENDOR]
        assigned = [serial_number(number) for number in self.sample]
        bindings = [f"--assign={serial}={serial}" for serial in assigned]
        words = ["import-tokens", self.file, *options, "--activate", *bindings]
        return [*map(str, words), f"--report={self.report}"]

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command(*self.arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def finish(self) -> None:
        done = subprocess.run(command(*self.arguments), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def rows(self) -> int:
        return int(self.ask("SELECT count(*) FROM tokens")[0][0])

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.place.database, timeout=30)) as database:
            return database.execute(query).fetchall()


@pytest.fixture
def delivery(place: Environment) -> Delivery:
    count = NUMBERS.delivered
    file = place.directory / "delivery.xml"
    key = place.transport_key(VENDOR)
    write_pskc(file, count, algorithm="kw-aes256", vendor_key=key, mac=True)
    return Delivery(place, file, count)


def test_killed_at_random_and_resumed_each_token_comes_in_once_and_works(
    delivery: Delivery,
) -> None:
    chance = random.Random()
    points = sorted(chance.randrange(delivery.count) for _ in range(NUMBERS.import_kills))
    for point in points:
        kill_at(delivery, point, chance.uniform(0.0, 0.05))
    delivery.finish()
    everything_is_in_once(delivery)
    codes_are_right(delivery)


def test_killed_between_the_commit_and_the_report_each_token_comes_in_once(
    delivery: Delivery,
) -> None:
    for batches in (1, 2, 3):
        before = delivery.rows()
        killed = subprocess.run(
            [sys.executable, "-c", SILENT, str(batches), *delivery.arguments],
            capture_output=True,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert delivery.rows() >= min(batches * BATCH, delivery.count) > before
        assert not delivery.report.exists()
    delivery.finish()
    everything_is_in_once(delivery)


def kill_at(delivery: Delivery, point: int, later: float) -> None:
    """Kill an import, a little after the stock has more than ``point`` tokens."""
    running = delivery.start()
    try:
        while delivery.rows() <= point and running.poll() is None:
            time.sleep(0.005)
        time.sleep(later)
    finally:
        running.kill()
        running.wait()


def everything_is_in_once(delivery: Delivery) -> None:
    serials = [serial_number(number) for number in range(delivery.count)]
    assert delivery.ask("SELECT serial FROM tokens ORDER BY serial") == _column(serials)
    imported = "SELECT serial FROM audit WHERE action = 'IMPORT' ORDER BY serial"
    assert delivery.ask(imported) == _column(serials)
    assert delivery.ask("SELECT count(*) FROM devices") == [(delivery.count,)]
    assert delivery.ask("SELECT count(*), count(finished_at) FROM deliveries") == [(1, 1)]
    with delivery.report.open(newline="") as stream:
        told = [(row["serial"], row["result"]) for row in csv.DictReader(stream)]
    assert told == [(serial, "IMPORTED") for serial in serials]


def codes_are_right(delivery: Delivery) -> None:
    """Log in with the sample's codes, as oathtool shows them."""
    with (
        ServerProcess(delivery.place) as server,
        channel_of(server.environment, ABUKUMA) as bank,
    ):
        for number in delivery.sample:
            serial, seed = serial_number(number), seed_number(number)
            device = Device(serial, seed, period=0 if number % 2 else 30)
            code = (
                oathtool.event_code(device, 0)
                if number % 2
                else oathtool.time_code(device, time.time())
            )
            assert bank.verify(code, serial=serial).number


def _column(values: Sequence[str]) -> list[tuple[Any, ...]]:
    return [(value,) for value in values]
