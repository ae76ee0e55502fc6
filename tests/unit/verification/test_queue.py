# SPDX-License-Identifier: Apache-2.0
"""Calls for one token stand in a line; calls for others do not."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from kagimori.application.verification.queue import TurnNotReached, Turns


def soon() -> float:
    return time.monotonic() + 0.05


def later() -> float:
    return time.monotonic() + 30


def test_one_at_a_time_in_order() -> None:
    turns, order, inside = Turns(longest=256), [], threading.Lock()

    def visit(number: int) -> None:
        with turns.turn("token", later()):
            assert inside.acquire(blocking=False)
            order.append(number)
            inside.release()

    with ThreadPoolExecutor(16) as threads, turns.turn("token", later()):
        for number in range(16):
            threads.submit(visit, number)
            while len(turns._lines["token"]) < number + 2:
                time.sleep(0.001)
    assert order == list(range(16))
    assert not turns._lines


def test_tokens_do_not_wait_for_each_other() -> None:
    turns = Turns(longest=256)
    with turns.turn("one", soon()), turns.turn("another", soon()):
        pass


def test_a_turn_that_comes_too_late_is_given_up() -> None:
    turns = Turns(longest=256)
    with turns.turn("token", later()):
        with pytest.raises(TurnNotReached), turns.turn("token", soon()):
            pytest.fail("two at once")
        assert len(turns._lines["token"]) == 1
    assert not turns._lines


def test_who_gave_up_holds_up_nobody() -> None:
    turns = Turns(longest=256)
    with ThreadPoolExecutor(2) as threads:
        with turns.turn("token", later()):
            gone = threads.submit(_visit, turns, soon())
            stays = threads.submit(_visit, turns, later())
            with pytest.raises(TurnNotReached):
                gone.result()
        assert stays.result() == "visited"


def test_a_line_has_its_bound() -> None:
    turns = Turns(longest=1)
    with (
        turns.turn("token", later()),
        pytest.raises(TurnNotReached),
        turns.turn("token", later()),
    ):
        pytest.fail("two at once")


def test_a_turn_ends_with_an_error_too() -> None:
    turns = Turns(longest=256)
    with pytest.raises(ZeroDivisionError), turns.turn("token", soon()):
        raise ZeroDivisionError
    assert _visit(turns, soon()) == "visited"


def _visit(turns: Turns, until: float) -> str:
    with turns.turn("token", until):
        return "visited"
