# SPDX-License-Identifier: Apache-2.0
"""How busy we are: this thread, or all processors, whichever has less to spare."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kagimori.adapters import machine
from kagimori.adapters.machine import BusyShare


@pytest.fixture
def stat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What Linux says of the processors; nothing yet."""
    path = tmp_path / "stat"
    monkeypatch.setattr(machine, "_STAT", path)
    return path


def tell(stat: Path, worked: int, idle: int, waiting: int = 0, guests: int = 0) -> None:
    """Have the processors done this since they were started, in ticks."""
    ours = f"cpu  {worked + guests} 0 0 {idle} {waiting} 0 0 0 {guests} 0"
    stat.write_text(f"{ours}\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1\n")


def compute() -> None:
    """Compute until this thread has done so for a while."""
    until = time.thread_time() + 0.05
    while time.thread_time() < until:
        pass


def test_a_thread_that_computes_is_busier_than_one_that_waits(stat: Path) -> None:
    tell(stat, 0, 0)
    share = BusyShare()
    compute()
    computing = share()
    tell(stat, 0, 1000)
    time.sleep(0.05)
    assert 0 <= share() < computing <= 1


def test_processors_that_are_busy_leave_no_time_to_a_thread_that_waits(stat: Path) -> None:
    tell(stat, 1000, 5000)
    share = BusyShare()
    tell(stat, 1095, 5005)
    time.sleep(0.05)
    assert share() == pytest.approx(0.95)
    tell(stat, 1100, 5015)
    time.sleep(0.05)
    assert share() < 0.95


def test_waiting_for_a_disk_is_no_work_and_guests_count_once(stat: Path) -> None:
    tell(stat, 0, 0)
    share = BusyShare()
    tell(stat, 60, 5, waiting=5, guests=30)
    time.sleep(0.05)
    assert share() == pytest.approx(0.9)


def test_each_call_is_about_the_time_since_the_last(stat: Path) -> None:
    tell(stat, 0, 0)
    share = BusyShare()
    tell(stat, 99, 1)
    share()
    tell(stat, 199, 101)
    time.sleep(0.05)
    assert share() < 0.9


@pytest.mark.usefixtures("stat")
def test_where_linux_says_nothing_of_the_processors_the_thread_counts() -> None:
    share = BusyShare()
    compute()
    computing = share()
    time.sleep(0.05)
    assert 0 <= share() < computing <= 1
