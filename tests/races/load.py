# SPDX-License-Identifier: Apache-2.0
"""Customers and thieves who keep asking while things break, each word written down."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import uuid4

from development.vendor import Device
from races.arena import Arena
from races.asking import PATIENCE, Client, outcome_of, question
from races.codes import event_codes
from races.history import ACCEPTED, REPLAYED, Aftermath, Ending, History, judge
from support.processes.calls import eventually

T = TypeVar("T")

CUSTOMERS = 8
"""Threads; each has tokens and connections of its own."""
TOKENS = 12
"""For each customer: one that waits for a dead server's lease must not stop the load."""
DEADLINE = 1.0
ABREAST = 64
"""Calls at once when all is asked again."""
PAUSE = 0.02
"""Seconds between a customer's turns: enough calls to hit, not enough to drown in."""
REFUSED = frozenset({"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"})
"""Statuses that say: certainly nothing was done."""


@dataclass
class Wallet:
    """A token, the codes it will show, and the requests about this code still without answer."""

    device: Device
    codes: list[str]
    step: int = 0
    open: list[str] = field(default_factory=list)


@dataclass
class Load:
    """What asks, and the history of it."""

    history: History
    wallets: list[Wallet]
    stopped: threading.Event = field(default_factory=threading.Event)

    def kinds(self) -> Counter[str]:
        """Count the endings and outcomes so far."""
        return Counter(call.outcome or call.ending for call in list(self.history.calls))

    def flows_again(self, calls: int) -> None:
        """Wait until so many more calls have had an outcome."""
        enough = self.history.answered + calls
        eventually(lambda: self.history.answered >= enough)


@contextmanager
def load_on(arena: Arena, codes: int = 400) -> Iterator[Load]:
    """Keep asking ``arena`` until the block is left; each token has so many ``codes``."""
    devices = arena.enrol(CUSTOMERS * TOKENS, period=0)
    wallets = [Wallet(device, event_codes(device, codes)) for device in devices]
    load = Load(History(), wallets)
    customers = [
        threading.Thread(target=_live, args=(arena, load, wallets[number::CUSTOMERS], number))
        for number in range(CUSTOMERS)
    ]
    for customer in customers:
        customer.start()
    try:
        yield load
    finally:
        load.stopped.set()
        for customer in customers:
            customer.join()


def settle_down(arena: Arena, load: Load) -> None:
    """Judge the history of a load that has ended, against what the database says now."""
    retold = _ask_all_again(arena, load)
    receipts, last_steps = {}, {}
    for wallet in load.wallets:
        serial = wallet.device.serial
        arena.witness.sound(serial)
        last_steps[serial] = arena.witness.token(serial).last_step
        for acceptance in arena.witness.accepted(serial):
            receipts[acceptance.request_id] = acceptance.receipt
    wrong = judge(load.history, Aftermath(receipts, last_steps, retold))
    assert not wrong, f"{len(wrong)} times wrong, such as: {wrong[0]}"
    # Every code was right, so a token that says otherwise has lost its place.
    assert load.kinds().keys() <= {ACCEPTED, REPLAYED, Ending.FAIL, Ending.UNKNOWN}


def _ask_all_again(arena: Arena, load: Load) -> dict[str, tuple[str, str | None]]:
    """Ask each request once more; one whose lease a dead server holds comes last."""
    codes = {wallet.device.serial: wallet.codes for wallet in load.wallets}
    waiting = {
        call.request_id: question(
            codes[call.token][call.step], serial=call.token, request_id=call.request_id
        )
        for call in load.history.calls
    }
    retold: dict[str, tuple[str, str | None]] = {}
    progress = time.monotonic()
    with arena.client() as client:
        while waiting:
            stuck = time.monotonic() - progress
            assert stuck < PATIENCE, f"{len(waiting)} requests never get an answer"
            for some in batches(waiting.items(), ABREAST):
                calls = [(name, client.begin(request, DEADLINE)) for name, request in some]
                for request_id, answer in ((name, outcome_of(call)) for name, call in calls):
                    if answer.outcome:
                        retold[request_id] = answer.outcome, answer.receipt
                        del waiting[request_id]
                        progress = time.monotonic()
    return retold


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Return the items in lists of ``size``."""
    left = list(items)
    for begin in range(0, len(left), size):
        yield left[begin : begin + size]


def _live(arena: Arena, load: Load, wallets: Sequence[Wallet], seed: int) -> None:
    chance = random.Random(seed)
    with arena.client() as customer, arena.client() as thief:
        while not load.stopped.is_set():
            for wallet in wallets:
                if wallet.step < len(wallet.codes) and not load.stopped.is_set():
                    _turn(load.history, wallet, (customer, thief), chance)
                    time.sleep(PAUSE)


def _turn(
    history: History, wallet: Wallet, clients: tuple[Client, Client], chance: random.Random
) -> None:
    """Offer the present code, often from two sides at once; ask again what had no answer."""
    if not wallet.open:
        wallet.open = [str(uuid4()) for _ in range(chance.choice((1, 2)))]
    asked = []
    for request_id, client in zip(wallet.open, clients, strict=False):
        call = history.invoke(wallet.device.serial, wallet.step, request_id)
        request = question(
            wallet.codes[wallet.step], serial=wallet.device.serial, request_id=request_id
        )
        asked.append((call, client.begin(request, DEADLINE)))
    for call, future in asked:
        answer = outcome_of(future)
        if answer.outcome is None:
            (history.fail if answer.status in REFUSED else history.unknown)(call)
            continue
        history.ok(call, answer.outcome, answer.receipt)
        wallet.open.remove(call.request_id)
    if not wallet.open:
        wallet.step += 1
