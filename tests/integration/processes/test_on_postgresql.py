# SPDX-License-Identifier: Apache-2.0
"""The whole: a supervisor, real workers, one PostgreSQL, one HSM."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from conftest import ABUKUMA, Enrol, channel_of
from development import oathtool
from development.environment import Environment
from development.server import NotServing, ServerProcess
from development.vendor import Device, make_device
from kagimori_client import OtpReplayed, Unavailable
from races.codes import event_codes
from support.custody.shim import Shim
from support.processes.calls import eventually
from support.processes.supervised import is_alive
from support.served import bank_front

pytestmark = [pytest.mark.softhsm, pytest.mark.slow]

FRONTS = 3
TOKENS = 4
CODES = 1000


@pytest.fixture
def device(enrol_shared: Enrol) -> Device:
    made = make_device("SHARED1")
    enrol_shared(made)
    return made


def test_three_rolling_restarts_fail_no_call_and_accept_each_code_once(
    shared: Environment, enrol_shared: Enrol, shim: Shim
) -> None:
    fronts = [
        [make_device(f"KG{front}P{number:05}", period=0) for number in range(TOKENS)]
        for front in range(FRONTS)
    ]
    enrol_shared(*(device for devices in fronts for device in devices))
    with ServerProcess(shared, shim.environment, workers=2) as server:
        first = server.worker_pids()
        reports: list[dict[str, Any]] = []
        with banking(shared, fronts, reports):
            for times in range(1, 4):
                os.kill(server.pid, signal.SIGHUP)
                eventually(lambda: logged(server, "rolling restart done") >= times)  # noqa: B023 - waited for here
            eventually(lambda: logged(server, "worker ended") >= 6)
        assert not set(first) & set(server.worker_pids())
        heard = [report["heard"] for report in reports]
        assert [set(kinds) for kinds in heard] == [{"ACCEPTED"}] * FRONTS
        receipts = [number for report in reports for number in report["receipts"]]
        assert len(set(receipts)) == len(receipts) > 100
        last = {serial: code for report in reports for serial, code in report["used"]}
        with channel_of(shared, ABUKUMA) as bank:
            for serial, code in last.items():
                with pytest.raises(OtpReplayed):
                    bank.verify(code, serial=serial)


def test_a_hung_hsm_call_fails_in_time_and_its_worker_is_replaced(
    shared: Environment, device: Device, shim: Shim
) -> None:
    with ServerProcess(shared, shim.environment, workers=2) as server:
        old = server.worker_pids()
        with channel_of(shared, ABUKUMA) as bank:
            shim.hang("C_Sign", 120_000)
            with pytest.raises(Unavailable):
                bank.verify(code_of(device), serial=device.serial, timeout=3)
            # The workers' own health asks the HSM too: each is hung, and goes.
            eventually(lambda: not all(map(is_alive, old)))
            shim.clear()
            eventually(lambda: len(set(server.worker_pids()) - set(old)) >= 1)
            eventually(server.serves)
            assert bank.verify(code_of(device, steps=1), serial=device.serial, timeout=20)
    ended = [line for line in server.logged() if line["event"] == "worker ended"]
    assert 75 in [line["code"] for line in ended]


def test_a_killed_worker_is_replaced_and_the_service_goes_on(
    shared: Environment, device: Device, shim: Shim
) -> None:
    with ServerProcess(shared, shim.environment, workers=2) as server:
        victim, other = server.worker_pids()
        os.kill(victim, signal.SIGKILL)
        with channel_of(shared, ABUKUMA) as bank:
            assert bank.verify(code_of(device), serial=device.serial, timeout=20)
        eventually(lambda: len(server.worker_pids()) == 2)
        assert other in server.worker_pids()


def test_a_wrong_pin_is_tried_once_by_all_workers_together(shared: Environment, shim: Shim) -> None:
    (shared.directory / "hsm" / "serving.pin").write_text("31415926535\n")
    server = ServerProcess(shared, shim.environment, workers=4)
    with pytest.raises(NotServing, match="the PIN was tried once"):
        server.start()
    assert shim.counts()["C_Login"] == 1
    assert "31415926535" not in server.log.read_text()


def test_a_wrong_pin_after_a_hangup_is_tried_once_and_the_workers_stay(
    shared: Environment, device: Device, shim: Shim
) -> None:
    pin = shared.directory / "hsm" / "serving.pin"
    right = pin.read_text()
    with ServerProcess(shared, shim.environment, workers=2) as server:
        old = server.worker_pids()
        pin.write_text("31415926535\n")
        shim.reset()
        os.kill(server.pid, signal.SIGHUP)
        eventually(lambda: logged(server, "rolling restart given up: the other workers stay") == 1)
        os.kill(old[0], signal.SIGKILL)
        time.sleep(2)
        assert shim.counts()["C_Login"] == 1
        assert server.worker_pids() == old[1:]
        with channel_of(shared, ABUKUMA) as bank:
            assert bank.verify(code_of(device), serial=device.serial, timeout=20)
        pin.write_text(right)
        os.kill(server.pid, signal.SIGHUP)
        eventually(lambda: logged(server, "rolling restart done") == 1)


def test_a_supervisor_that_is_killed_leaves_nobody_behind(shared: Environment, shim: Shim) -> None:
    with ServerProcess(shared, shim.environment, workers=2) as server:
        workers = server.worker_pids()
        os.kill(server.pid, signal.SIGKILL)
        eventually(lambda: not any(map(is_alive, workers)))


def logged(server: ServerProcess, event: str) -> int:
    return sum(line["event"] == event for line in server.logged())


def code_of(device: Device, steps: int = 0) -> str:
    return oathtool.time_code(device, time.time(), steps)


@contextmanager
def banking(
    shared: Environment, fronts: list[list[Device]], reports: list[dict[str, Any]]
) -> Iterator[None]:
    """Let so many front ends log customers in while the block runs; add their reports."""
    processes = [
        subprocess.Popen(
            [sys.executable, bank_front.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in fronts
    ]
    identity = shared.client(ABUKUMA)
    told = {
        "target": shared.listen,
        "certificate": str(identity.certificate),
        "private_key": str(identity.private_key),
        "authority_ca": str(shared.certificates / "ca.pem"),
    }
    for process, devices in zip(processes, fronts, strict=True):
        codes = {device.serial: event_codes(device, CODES) for device in devices}
        assert process.stdin
        process.stdin.write(json.dumps({**told, "codes": codes}) + "\n")
        process.stdin.flush()
    try:
        yield
    finally:
        reports += [json.loads(process.communicate(timeout=60)[0]) for process in processes]
