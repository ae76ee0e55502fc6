# SPDX-License-Identifier: Apache-2.0
"""A serving process with a real listener: its signals, its end, its successor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import grpc
import pytest

from development import environment
from development.environment import Environment
from development.server import ServerProcess, channel
from kagimori_client import BankChannel, Unavailable
from support.processes.calls import eventually, verify_otp
from support.processes.supervised import HOLLOW, Supervised, is_alive

BANK = "20160003"
CALLERS = 4


class HollowServer(ServerProcess):
    """One serving process without HSM and database."""

    def start(self) -> HollowServer:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, HOLLOW, "--config", self.environment.config], stderr=log
            )
        eventually(self.serves)
        return self


@pytest.fixture
def place(tmp_path: Path) -> Environment:
    return environment.prepare(tmp_path, f"127.0.0.1:{environment.free_port()}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_process_that_is_busy(place: Environment, number: signal.Signals) -> None:
    for _ in range(3):
        server = HollowServer(place).start()
        with channel(place, BANK, "channel") as link, calling(partial(verify_otp, link)) as answers:
            eventually(lambda: answers["OK"] > 50)
            os.kill(server.pid, number)
            assert server.wait() == 0
        assert '"stopped"' in server.log.read_text().splitlines()[-1]


def test_a_hung_hsm_call_fails_and_the_process_ends_with_its_own_code(place: Environment) -> None:
    server = HollowServer(place).start()
    with channel(place, BANK, "channel") as link:
        verify_otp(link)
        (place.directory / "hung").write_text(str(server.pid))
        with pytest.raises(grpc.RpcError):
            verify_otp(link)
        assert server.wait() == 75
    assert "a PKCS#11 call hangs" in server.log.read_text()


def test_a_worker_whose_hsm_hangs_is_replaced_while_the_others_serve(tmp_path: Path) -> None:
    with serving(tmp_path) as supervised, bank(supervised) as line:
        with calling(lambda: line.verify("755224", serial="KG1")) as answers:
            victim, other = workers_of(supervised)
            (tmp_path / "hung").write_text(str(victim))
            eventually(lambda: not is_alive(victim))
            eventually(lambda: len(workers_of(supervised)) == 3)
            before = answers["OK"]
            eventually(lambda: answers["OK"] > before + 50)
        assert is_alive(other)
        assert {"worker": victim, "code": 75}.items() <= supervised.logged("worker ended")[
            0
        ].items()


def test_a_worker_that_opened_its_fill_of_seeds_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, recycle_after_seeds=1000) as supervised:
        old = set(workers_of(supervised))
        (tmp_path / "opened").write_text("1200")
        eventually(lambda: len(set(workers_of(supervised)) - old) >= 2)
        (tmp_path / "opened").write_text("0")
        assert {"recycle"} == {line["why"] for line in supervised.logged("worker started")[2:4]}


@pytest.mark.slow
@pytest.mark.parametrize("client", ["our own", "plain gRPC"])
def test_a_rolling_restart_fails_no_call(tmp_path: Path, client: str) -> None:
    with serving(tmp_path) as supervised, bank(supervised) as line:
        plain = channel(supervised.environment, BANK, "channel")
        ask = {
            "our own": lambda: line.verify("755224", serial="KG1"),
            "plain gRPC": lambda: verify_otp(plain),
        }[client]
        with plain, calling(ask) as answers:
            for times in range(1, 4):
                supervised.signal(signal.SIGHUP)
                eventually(lambda: len(supervised.logged("rolling restart done")) >= times)  # noqa: B023 - waited for here
            eventually(lambda: len(supervised.logged("worker ended")) >= 6)
        assert set(answers) == {"OK"}
        assert [line["code"] for line in supervised.logged("worker ended")] == [0] * 6


def test_every_line_of_a_worker_says_whose_it_is(tmp_path: Path) -> None:
    with serving(tmp_path) as supervised:
        eventually(lambda: len(lines_of_workers(supervised)) == 2)
        assert sorted(lines_of_workers(supervised)) == sorted(workers_of(supervised))


def lines_of_workers(supervised: Supervised) -> list[int]:
    return [line["worker"] for line in supervised.logged("serving")]


def workers_of(supervised: Supervised) -> list[int]:
    return [line["worker"] for line in supervised.logged("worker serving")]


@contextmanager
def serving(directory: Path, **settings: object) -> Iterator[Supervised]:
    """Let two workers serve whose connections live for a second."""
    supervised = Supervised(directory, program=HOLLOW)
    settings = {"connection_seconds": 1, "drain_seconds": 2, **settings}
    lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
    text = supervised.config.read_text()
    supervised.config.write_text(text.replace("[server]", f"[server]\n{lines}"))
    with supervised:
        eventually(lambda: len(workers_of(supervised)) == 2)
        yield supervised
        assert supervised.end() == 0


@contextmanager
def bank(supervised: Supervised) -> Iterator[BankChannel]:
    identity = supervised.environment.client(BANK)
    ca = supervised.environment.certificates / "ca.pem"
    with BankChannel(
        supervised.listen,
        certificate=identity.certificate,
        private_key=identity.private_key,
        authority_ca=ca,
    ) as line:
        yield line


@contextmanager
def calling(ask: Callable[[], object]) -> Iterator[Counter[str]]:
    """Ask again and again from several threads; yield how often it went how."""
    answers: Counter[str] = Counter()
    done = threading.Event()

    def go_on() -> None:
        while not done.wait(0.002):
            try:
                ask()
                answers["OK"] += 1
            except grpc.RpcError as error:
                answers[error.code().name] += 1
            except Unavailable as error:
                answers[str(error)] += 1

    callers = [threading.Thread(target=go_on) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield answers
    finally:
        done.set()
        for caller in callers:
            caller.join()
