# SPDX-License-Identifier: Apache-2.0
"""Watches and pings: all watches are ended, and nothing waits for a ping that hangs."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from kagimori.transport import health
from kagimori.transport.health import Health, Ping

PATIENCE = 30.0
NO_CONTEXT = cast("Any", None)

SERVING = HealthCheckResponse.SERVING
NOT_SERVING = HealthCheckResponse.NOT_SERVING


def leaning_on(ping: Ping) -> Health:
    return Health({"hsm": ping}, {"": frozenset({"hsm"})})


async def there() -> None:
    pass


async def away() -> None:
    raise OSError


async def watch(watched: Health, service: str = "") -> list[int]:
    request = HealthCheckRequest(service=service)
    return [answer.status async for answer in watched.Watch(request, NO_CONTEXT)]


def test_a_watch_that_comes_too_late_is_told_and_ended() -> None:
    async def scene() -> list[int]:
        ending = leaning_on(there)
        await ending.start()
        ending.say_not_serving()
        return await watch(ending)

    assert asyncio.run(scene()) == [NOT_SERVING]


def test_watches_that_meet_the_end_are_all_ended() -> None:
    async def scene() -> list[list[int]]:
        ending = leaning_on(there)
        await ending.start()
        watches = [asyncio.create_task(watch(ending)) for _ in range(200)]
        await asyncio.sleep(0)
        ending.say_not_serving()
        return await asyncio.wait_for(asyncio.gather(*watches), PATIENCE)

    assert asyncio.run(scene()) == [[SERVING, NOT_SERVING]] * 200


def test_the_first_caller_hears_the_truth() -> None:
    async def scene(ping: Ping) -> int:
        begun = leaning_on(ping)
        await begun.start()
        (first,) = [await anext(begun.Watch(HealthCheckRequest(), NO_CONTEXT))]
        begun.say_not_serving()
        return first.status

    assert asyncio.run(scene(there)) == SERVING
    assert asyncio.run(scene(away)) == NOT_SERVING


def test_a_ping_that_hangs_holds_up_neither_start_nor_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "STALE_AFTER", 0.05)
    monkeypatch.setattr(health, "EVERY", 0.05)

    async def hanging() -> None:
        await asyncio.Event().wait()

    async def scene() -> list[int]:
        hung = leaning_on(hanging)
        await hung.start()
        watched = asyncio.create_task(watch(hung))
        await asyncio.sleep(0)
        hung.say_not_serving()
        return await watched

    assert asyncio.run(asyncio.wait_for(scene(), PATIENCE)) == [NOT_SERVING]


def test_a_service_that_nobody_serves_can_be_watched_for() -> None:
    async def scene() -> list[int]:
        telling = leaning_on(there)
        await telling.start()
        watched = asyncio.create_task(watch(telling, "kagimori.guess.v1"))
        await asyncio.sleep(0)
        telling.say_not_serving()
        return await watched

    assert asyncio.run(scene()) == [HealthCheckResponse.SERVICE_UNKNOWN]
