# SPDX-License-Identifier: Apache-2.0
"""Watches: none is forgotten at the end, and a broken one harms no other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from kagimori.transport import health
from kagimori.transport.health import Health

PATIENCE = 30.0


class OpenCall:
    """A call that goes on: it takes a callback for its end."""

    def add_callback(self, _: Callable[[], None]) -> bool:
        return True


CALL = cast("grpc.ServicerContext", OpenCall())


class Sent:
    """Remembers what a watcher was sent: statuses, and None for the end."""

    def __init__(self) -> None:
        self.statuses: list[int | None] = []
        self.ended = threading.Event()
        self.begun = threading.Event()

    def __call__(self, response: HealthCheckResponse | None) -> None:
        self.statuses.append(None if response is None else response.status)
        self.begun.set()
        if response is None:
            self.ended.set()


def serving() -> Health:
    started = Health({"hsm": lambda: None}, {"": frozenset({"hsm"})})
    started.start()
    return started


def test_a_watch_that_comes_too_late_is_told_and_ended() -> None:
    ending, late = serving(), Sent()
    ending.say_not_serving()
    ending.Watch(HealthCheckRequest(), CALL, late)
    assert late.statuses == [HealthCheckResponse.NOT_SERVING, None]


def test_watches_that_meet_the_end_are_all_ended() -> None:
    ending = serving()
    watches = [Sent() for _ in range(200)]
    gate = threading.Barrier(2)

    def watch_them() -> None:
        gate.wait()
        for sent in watches:
            ending.Watch(HealthCheckRequest(), CALL, sent)

    thread = threading.Thread(target=watch_them)
    thread.start()
    gate.wait()
    ending.say_not_serving()
    thread.join()
    assert all(sent.ended.wait(PATIENCE) for sent in watches)
    assert {sent.statuses[-2] for sent in watches} == {HealthCheckResponse.NOT_SERVING}


def test_a_broken_watch_does_not_silence_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "EVERY", 0.01)

    def broken(_: HealthCheckResponse | None) -> None:
        msg = "the line is dead"
        raise ValueError(msg)

    telling, other = serving(), Sent()
    telling.Watch(HealthCheckRequest(), CALL, broken)
    telling.Watch(HealthCheckRequest(), CALL, other)
    assert other.begun.wait(PATIENCE)
    telling.say_not_serving()
    assert other.ended.wait(PATIENCE)
    assert other.statuses[-2:] == [HealthCheckResponse.NOT_SERVING, None]


def test_a_service_that_nobody_serves_can_be_watched_for() -> None:
    telling, sent = serving(), Sent()
    telling.Watch(HealthCheckRequest(service="kagimori.guess.v1"), CALL, sent)
    assert sent.begun.wait(PATIENCE)
    assert sent.statuses == [HealthCheckResponse.SERVICE_UNKNOWN]
    telling.say_not_serving()
