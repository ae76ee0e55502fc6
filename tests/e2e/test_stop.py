# SPDX-License-Identifier: Apache-2.0
"""A server that is asked to end finishes what it began, and ends."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from conftest import ABUKUMA, channel_of
from development import oathtool
from development.environment import Environment
from development.server import ServerProcess
from development.vendor import Device
from kagimori_client import Receipt, Unavailable
from support.custody.shim import Shim


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_either_signal_ends_the_server(place: Environment, number: signal.Signals) -> None:
    for _ in range(3):
        running = ServerProcess(place).start()
        os.kill(running.pid, number)
        assert running.wait() == 0
        assert '"stopped"' in running.log.read_text().splitlines()[-1]


def test_a_call_that_hangs_does_not_hold_up_the_end(
    place: Environment, device: Device, shim: Shim
) -> None:
    text = place.config.read_text().replace("[server]", "[server]\ndrain_seconds = 0.5")
    place.config.write_text(text)
    running = ServerProcess(place, shim.environment).start()
    with channel_of(place, ABUKUMA) as bank:
        shim.hang("C_Sign", 120_000)
        code = oathtool.time_code(device, time.time())
        with pytest.raises(Unavailable):
            bank.verify(code, serial=device.serial, timeout=0.5)
        assert running.stop() == 75  # EX_TEMPFAIL of sysexits.h
    assert "hangs" in running.log.read_text().splitlines()[-1]


def test_a_call_under_way_gets_its_answer(place: Environment, device: Device, shim: Shim) -> None:
    receipts: list[Receipt] = []
    running = ServerProcess(place, shim.environment).start()
    with channel_of(place, ABUKUMA) as bank:
        shim.hang("C_UnwrapKey", 1500)
        code = oathtool.time_code(device, time.time())
        caller = threading.Thread(
            target=lambda: receipts.append(bank.verify(code, serial=device.serial, timeout=20))
        )
        caller.start()
        time.sleep(0.5)
        assert running.stop() == 0
        caller.join()
    assert len(receipts) == 1
