# SPDX-License-Identifier: Apache-2.0
"""Many codes in one call: its items race each other, other batches and single calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

import pytest

from development.vendor import Device
from races.arena import Arena
from races.asking import Answer, Client, answers_of, batch, outcome_of, question
from races.codes import event_codes
from races.numbers import NUMBERS

pytestmark = pytest.mark.timeout(NUMBERS.longest_test)

ABREAST = 8
"""Tokens in each batch."""
CLIENTS = 8
"""Each sends a batch, and each token's code alone."""
TIMES = 4
"""That a batch holds the same code."""


def test_a_code_in_many_batches_and_alone_is_accepted_once(arena: Arena) -> None:
    rounds = NUMBERS.batches // ABREAST
    devices = arena.enrol(ABREAST, period=0)
    shown = [event_codes(device, rounds) for device in devices]
    with arena.clients(CLIENTS) as clients:
        for codes in zip(*shown, strict=True):
            for answers in _raced(clients, devices, codes):
                kinds = Counter(answer.kind for answer in answers)
                assert kinds["ACCEPTED"] == 1, kinds
                assert kinds["REPLAYED"], kinds
                assert kinds.keys() <= {"ACCEPTED", "REPLAYED", "UNAVAILABLE"}, kinds
    for device in devices:
        assert arena.witness.steps(device.serial) == list(range(rounds))
        arena.witness.sound(device.serial)


def _raced(
    clients: Sequence[Client], devices: Sequence[Device], codes: Sequence[str]
) -> Iterator[list[Answer]]:
    """Let every client ask for every device in both ways at once; yield each device's answers."""
    batches = [batch(chain(*(_named(devices, codes) for _ in range(TIMES // 2)))) for _ in clients]
    alone = [list(_named(devices, codes))[number % 2 :: 2] for number, _ in enumerate(clients)]
    told = [client.begin_batch(items) for client, items in zip(clients, batches, strict=True)]
    calls = [
        [client.begin(item) for item in items] for client, items in zip(clients, alone, strict=True)
    ]
    in_batches = [answers_of(reply.result()) for reply in told]
    by_themselves = [[outcome_of(call) for call in of_client] for of_client in calls]
    for place, _ in enumerate(devices):
        first = 2 * place
        yield [
            *(answers[place] for answers in by_themselves),
            *chain(*(answers[first :: 2 * ABREAST] for answers in in_batches)),
            *chain(*(answers[first + 1 :: 2 * ABREAST] for answers in in_batches)),
        ]


def _named(devices: Sequence[Device], codes: Sequence[str]) -> Iterator[bytes]:
    """Return each code twice: its token by its serial, and by its holder."""
    for device, code in zip(devices, codes, strict=True):
        yield question(code, serial=device.serial)
        yield question(code, subscriber=device.serial)
