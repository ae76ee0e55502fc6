# SPDX-License-Identifier: Apache-2.0
"""Many clients in several processes, let go at a barrier."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from types import TracebackType
from typing import Any, Self

import grpc

from races.asking import (
    OPTIONS,
    PATIENCE,
    SIGN,
    VERIFY,
    Answer,
    Asked,
    Door,
    Signature,
    answer_of,
    refusal_of,
    signed_of,
)

CLIENTS = 64
PROCESSES = 4

_SPAWN = multiprocessing.get_context("spawn")

Order = tuple[int, Asked]
"""Which of a process's clients asks what."""


class Crowd:
    """`CLIENTS` clients, each with a connection of its own, in `PROCESSES` processes."""

    def __init__(self, door: Door) -> None:
        self._gate = _SPAWN.Barrier(PROCESSES)
        self._members = [_Member(door, self._gate) for _ in range(PROCESSES)]

    def race(
        self, races: Sequence[Sequence[Asked]], seconds: float = PATIENCE
    ) -> list[list[Answer]]:
        """Run the races at once; the n-th request of each is the n-th client's.

        Answers come race for race, in the order of the requests.
        """
        orders: list[list[Order]] = [[] for _ in self._members]
        places: list[list[tuple[int, int]]] = [[] for _ in self._members]
        # Client by client, not race by race: all races are open from the start.
        for number, requests in enumerate(zip(*races, strict=True)):
            client = number % CLIENTS
            for race, request in enumerate(requests):
                orders[client % PROCESSES].append((client // PROCESSES, request))
                places[client % PROCESSES].append((race, number))
        for member, order in zip(self._members, orders, strict=True):
            member.begin(order, seconds)
        answers: list[list[Answer]] = [[Answer("NONE")] * len(race) for race in races]
        for member, where in zip(self._members, places, strict=True):
            for (race, number), answer in zip(where, member.answers(), strict=True):
                answers[race][number] = answer
        return answers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for member in self._members:
            member.dismiss()


class _Member:
    """A process of the crowd, from outside."""

    def __init__(self, door: Door, gate: Barrier) -> None:
        self._orders, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_take_part, args=(theirs, gate, door), daemon=True)
        self._process.start()

    def begin(self, order: list[Order], seconds: float) -> None:
        self._orders.send((order, seconds))

    def answers(self) -> list[Answer]:
        told: list[Answer] = self._orders.recv()
        return told

    def dismiss(self) -> None:
        self._orders.send(None)
        self._process.join()


def _take_part(orders: Connection, gate: Barrier, door: Door) -> None:
    asyncio.run(_obey(orders, gate, door))


async def _obey(orders: Connection, gate: Barrier, door: Door) -> None:
    links = [
        grpc.aio.secure_channel(door.address, door.credentials(), OPTIONS)
        for _ in range(CLIENTS // PROCESSES)
    ]
    await asyncio.gather(*(link.channel_ready() for link in links))
    verify: list[Any] = [link.unary_unary(VERIFY, None, answer_of) for link in links]
    sign: list[Any] = [link.unary_unary(SIGN, None, signed_of) for link in links]
    # Blocks this process's loop, on purpose: between races it has nothing to do.
    while (order := orders.recv()) is not None:
        requests, seconds = order
        gate.wait()
        asked = [
            sign[client](request.octets, timeout=seconds)
            if isinstance(request, Signature)
            else verify[client](request, timeout=seconds)
            for client, request in requests
        ]
        orders.send([await _answer(call) for call in asked])
    await asyncio.gather(*(link.close() for link in links))


async def _answer(call: Any) -> Answer:  # noqa: ANN401 - grpc.aio's call, generic in two types
    try:
        told: Answer = await call
    except grpc.aio.AioRpcError as error:
        return refusal_of(error)
    return told
