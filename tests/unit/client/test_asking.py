# SPDX-License-Identifier: Apache-2.0
"""Asking again: only what may be asked again, bounded by number and by deadline."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest

from kagimori_client import AuthorityFault, OtpRejected, Unavailable
from kagimori_client.asking import MOST_ATTEMPTS, ask


class Line:
    """Fails as told, then answers; remembers when and with how much time it was asked."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked: list[tuple[float, float]] = []

    def __call__(self, seconds: float) -> str:
        self.asked.append((time.monotonic(), seconds))
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def away(retry_after: float | None = None) -> Unavailable:
    return Unavailable("no answer", uuid4(), retry_after)


def test_an_answer_is_asked_for_once() -> None:
    line = Line()
    assert ask(line, 60) == "answer"
    assert len(line.asked) == 1


def test_an_outage_is_asked_again_with_the_time_that_is_left() -> None:
    line = Line(away(), away())
    assert ask(line, 60) == "answer"
    left = [seconds for _, seconds in line.asked]
    assert len(left) == 3
    assert 60 >= left[0] > left[1] > left[2] > 0


def test_the_number_of_attempts_is_bounded() -> None:
    line = Line(*(away() for _ in range(100)))
    with pytest.raises(Unavailable):
        ask(line, 3600)
    assert len(line.asked) == MOST_ATTEMPTS


def test_the_wait_that_the_authority_asks_for_is_kept() -> None:
    line = Line(away(0.3))
    ask(line, 60)
    (first, _), (second, _) = line.asked
    assert second - first >= 0.3


def test_a_wait_that_does_not_fit_is_not_begun() -> None:
    line = Line(away(3600.0))
    with pytest.raises(Unavailable) as outage:
        ask(line, 60)
    assert outage.value.retry_after == 3600.0
    assert len(line.asked) == 1


@pytest.mark.parametrize("final", [OtpRejected(uuid4(), 4), AuthorityFault("broken", uuid4())])
def test_nothing_else_is_asked_again(final: Exception) -> None:
    line = Line(final)
    with pytest.raises(type(final)):
        ask(line, 60)
    assert len(line.asked) == 1
