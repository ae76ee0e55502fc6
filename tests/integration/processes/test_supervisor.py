# SPDX-License-Identifier: Apache-2.0
"""The supervisor's rules, with workers that follow a script."""

from __future__ import annotations

import os
import signal
import socket
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from support.processes.calls import eventually
from support.processes.supervised import Supervised, is_alive


@pytest.mark.parametrize(("word", "code"), [("refuse", 78), ("login", 77)])
def test_where_the_first_worker_refuses_no_other_is_started(
    tmp_path: Path, word: str, code: int
) -> None:
    with Supervised(tmp_path, word) as supervised:
        assert supervised.process.wait(timeout=30) == code
        assert len(supervised.pids("started")) == 1
        assert "kagimori: the script says no" in supervised.said


def test_the_first_worker_serves_before_another_starts(tmp_path: Path) -> None:
    with Supervised(tmp_path, "serve", workers=3) as supervised:
        supervised.until("serving", 3)
        assert [event for event, _ in supervised.history] == ["started", "serving"] * 3
        eventually(lambda: len(supervised.logged("worker serving")) == 3)
        told = [line["worker"] for line in supervised.logged("worker serving")]
        assert told == supervised.pids("serving")
        (supervising,) = supervised.logged("supervising")
        assert supervising["listen"] == supervised.listen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_every_worker_and_then_the_supervisor(
    tmp_path: Path, number: signal.Signals
) -> None:
    with Supervised(tmp_path, "serve", workers=3) as supervised:
        workers = supervised.until("serving", 3)
        supervised.signal(number)
        assert supervised.process.wait(timeout=30) == 0
        assert sorted(supervised.pids("terminated")) == sorted(workers)
        assert not any(map(is_alive, workers))


def test_a_signal_ends_a_worker_that_is_still_starting(tmp_path: Path) -> None:
    with Supervised(tmp_path, "silent") as supervised:
        (starting,) = supervised.until("started", 1)
        assert supervised.end() == 0
        assert not is_alive(starting)


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    with Supervised(tmp_path, "serve") as supervised:
        workers = supervised.until("serving", 2)
        supervised.process.kill()
        assert sorted(supervised.until("orphaned", 2)) == sorted(workers)
        eventually(lambda: not any(map(is_alive, workers)))


def test_a_worker_that_is_killed_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    with Supervised(tmp_path, "serve") as supervised:
        victim, other = supervised.until("serving", 2)
        signal_to(victim, signal.SIGKILL)
        supervised.until("serving", 3)
        assert is_alive(other)
        assert not supervised.pids("retired")
        eventually(lambda: bool(supervised.logged("worker ended")))
        assert supervised.logged("worker ended")[0]["code"] == -signal.SIGKILL


def test_one_that_ends_again_and_again_is_started_ever_more_slowly(tmp_path: Path) -> None:
    with Supervised(tmp_path, "serve", "brief", workers=1) as supervised:
        signal_to(supervised.until("serving", 1)[0], signal.SIGKILL)
        supervised.until("started", 6)
        starts = supervised.logged("worker started")[1:6]
    moments = [datetime.fromisoformat(line["timestamp"]) for line in starts]
    gaps = [(later - sooner).total_seconds() for sooner, later in pairwise(moments)]
    # 0.1, 0.2, 0.4 and 0.8 s, and what a start takes.
    assert [gap >= 0.1 * 2**number for number, gap in enumerate(gaps)] == [True] * 4


def test_one_that_refuses_later_is_tried_again(tmp_path: Path) -> None:
    with Supervised(tmp_path, "serve", "serve", "refuse", "refuse", "serve") as supervised:
        signal_to(supervised.until("serving", 2)[0], signal.SIGKILL)
        supervised.until("serving", 3)
        assert len(supervised.pids("started")) == 5


def test_a_pin_that_is_refused_is_never_tried_again(tmp_path: Path) -> None:
    with Supervised(tmp_path, "serve", "serve", "login") as supervised:
        first, second = supervised.until("serving", 2)
        signal_to(first, signal.SIGKILL)
        supervised.until("ended", 1)
        signal_to(second, signal.SIGKILL)
        time.sleep(2)  # in which the pauses of 0, 0.1, 0.2 and 0.4 s would have passed
        assert len(supervised.pids("started")) == 3
        supervised.write_script("serve")
        supervised.signal(signal.SIGHUP)
        supervised.until("serving", 4)


def test_a_hangup_retires_each_worker_once_its_successor_serves(tmp_path: Path) -> None:
    with Supervised(tmp_path, "serve") as supervised:
        old = supervised.until("serving", 2)
        supervised.signal(signal.SIGHUP)
        supervised.until("retired", 2)
        new = supervised.until("serving", 4)[2:]
        happened = supervised.history
        assert not set(old) & set(new)
        for before, after in zip(old, new, strict=True):
            assert happened.index(("serving", after)) < happened.index(("retired", before))
        assert all(map(is_alive, new))
        # A retired worker's end leaves no vacancy.
        eventually(lambda: len(supervised.logged("worker ended")) == 2)
        time.sleep(1.5)
        assert len(supervised.pids("started")) == 4


def test_a_hangup_replaces_a_worker_that_was_just_starting_too(tmp_path: Path) -> None:
    with Supervised(tmp_path, "serve", "slow", "serve") as supervised:
        old = supervised.until("started", 2)
        supervised.signal(signal.SIGHUP)
        assert supervised.until("retired", 2) == old


@pytest.mark.parametrize("word", ["refuse", "login", "crash"])
def test_where_a_successor_cannot_serve_the_old_workers_stay(tmp_path: Path, word: str) -> None:
    with Supervised(tmp_path, "serve") as supervised:
        old = supervised.until("serving", 2)
        supervised.write_script(word)
        supervised.signal(signal.SIGHUP)
        supervised.until("ended", 1)
        eventually(
            lambda: bool(supervised.logged("rolling restart given up: the other workers stay"))
        )
        assert all(map(is_alive, old))
        assert len(supervised.pids("started")) == 3
        supervised.write_script("serve")
        supervised.signal(signal.SIGHUP)
        assert sorted(supervised.until("retired", 2)) == sorted(old)


def test_a_configuration_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    with Supervised(tmp_path, "serve") as supervised:
        old = supervised.until("serving", 2)
        right = supervised.config.read_text()
        supervised.config.write_text(right.replace("[server]", "[servant]"))
        supervised.signal(signal.SIGHUP)
        eventually(lambda: bool(supervised.logged("configuration refused: the workers stay")))
        assert all(map(is_alive, old))
        supervised.config.write_text(right)
        supervised.signal(signal.SIGHUP)
        supervised.until("retired", 2)


@pytest.mark.parametrize("wish", ["recycle", "hung"])
def test_a_worker_that_wishes_it_is_replaced_while_it_serves(tmp_path: Path, wish: str) -> None:
    with Supervised(tmp_path, wish, "serve") as supervised:
        tired = supervised.until("serving", 1)[0]
        assert supervised.until("retired", 1) == [tired]
        supervised.until("serving", 3)
        happened = supervised.history
        assert len([pid for event, pid in happened if event == "serving"]) == 3
        successor = supervised.logged("worker started")
        assert wish in [line["why"] for line in successor]


def test_a_retired_worker_is_replaced_by_nobody_else(tmp_path: Path) -> None:
    with Supervised(tmp_path, "recycle", "refuse", "refuse", "serve", workers=1) as supervised:
        (tired,) = supervised.until("serving", 1)
        assert supervised.until("retired", 1) == [tired]
        happened = supervised.history
        assert happened.index(("retired", tired)) > happened.index(
            ("serving", supervised.pids("serving")[1])
        )


def test_an_address_that_is_taken_is_refused(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path, "serve")
    host, _, port = supervised.listen.rpartition(":")
    with socket.create_server((host, int(port)), reuse_port=True), supervised:
        assert supervised.process.wait(timeout=30) == 78
        assert "server.listen" in supervised.said


def test_sqlite_is_one_serving_process(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path, "serve")
    text = supervised.config.read_text()
    supervised.config.write_text(
        text.replace("postgresql://nobody@127.0.0.1:1/none", "sqlite:///some.db")
    )
    with supervised:
        assert supervised.process.wait(timeout=30) == 78
        assert "SQLite is one serving process" in supervised.said
        assert "PostgreSQL" in supervised.said
        assert not supervised.history


def signal_to(pid: int, number: signal.Signals) -> None:
    """Signal a worker that this test's supervisor started."""
    os.kill(pid, number)
