# SPDX-License-Identifier: Apache-2.0
"""Health follows the real HSM and the real database, away and back."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator

import pytest

from conftest import ABUKUMA, channel_of
from development import oathtool
from development.environment import Environment
from development.server import ServerProcess
from development.vendor import Device
from kagimori_client import Unavailable
from support.custody.shim import Shim

PATIENCE = 30.0


@pytest.fixture
def watched(place: Environment, shim: Shim) -> Iterator[ServerProcess]:
    with ServerProcess(place, shim.environment) as running:
        yield running


def test_an_hsm_that_is_away_costs_no_customer_an_attempt(
    place: Environment, device: Device, shim: Shim, watched: ServerProcess
) -> None:
    shim.fail("*", "CKR_DEVICE_ERROR")
    eventually(watched, serving=False)
    with channel_of(place, ABUKUMA) as bank:
        for _ in range(7):
            code = oathtool.time_code(device, time.time())
            with pytest.raises(Unavailable):
                bank.verify(code, serial=device.serial, timeout=0.5)
        shim.clear()
        eventually(watched, serving=True)
        bank.verify(oathtool.time_code(device, time.time()), serial=device.serial)


def test_a_database_that_cannot_be_written_is_away(
    place: Environment, watched: ServerProcess
) -> None:
    with contextlib.closing(sqlite3.connect(place.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        eventually(watched, serving=False)
        other.execute("ROLLBACK")
    eventually(watched, serving=True)


def eventually(server: ServerProcess, *, serving: bool) -> None:
    end = time.monotonic() + PATIENCE
    while server.serves() is not serving:
        assert time.monotonic() < end, "health never came to tell the truth"
        time.sleep(0.05)
