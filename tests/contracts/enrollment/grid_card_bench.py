# SPDX-License-Identifier: Apache-2.0
"""What the grid cards' contracts are tried with."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from kagimori.application.grid_cards.ports import Challenge, GridAnswer, GridVerdict
from kagimori.domain.errors import (
    AuthorityError,
)
from kagimori.domain.grid_card import Cells, GridOutcome, Pair
from kagimori.domain.token import TokenIdentity
from support.banks.grid_cards import CALLER, CARD, NUMBER, CardBank
from support.tokens import SUBSCRIBER, TENANT
from support.waiting import waited

ACCEPTED = GridVerdict(GridOutcome.ACCEPTED, 5)
NO_MORE = GridVerdict(GridOutcome.LOCKED, 0)
AT_ONCE = 8
SECOND = 1_000_000
MINUTE = 60 * SECOND
REQUEST = "0192b3c4-5d6e-7f80-9123-456789abcdef"
ANSWERED = ("GRID_ANSWER", "ACCEPTED", CALLER.name, CARD, NUMBER)


def rejected(left: int) -> GridVerdict:
    return GridVerdict(GridOutcome.REJECTED, left)


def at_once(calls: Sequence[Callable[[], object]]) -> list[object]:
    """Make the calls at one moment, each on a thread; an error is what it came to."""
    together = threading.Barrier(len(calls))

    def made(call: Callable[[], object]) -> object:
        together.wait()
        try:
            return call()
        except AuthorityError as error:
            return type(error)

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(made, calls))


class Watched:
    """A vault that does something before it has a result."""

    def __init__(self, bank: CardBank, doing: Callable[[], Awaitable[object]]) -> None:
        self._bank = bank
        self._doing = doing

    async def cells_match(
        self, identity: TokenIdentity, row_mac: bytes, pair: Pair, cells: Cells
    ) -> bool:
        await self._doing()
        return await self._bank.fake.cells_match(identity, row_mac, pair, cells)


class Died(Exception):
    """A process ended where it stood."""


async def die() -> None:
    raise Died


def register(bank: CardBank, challenge: Challenge, cells: tuple[str, str]) -> GridVerdict:
    """Answer as it comes with a registration."""
    answer = GridAnswer(challenge.challenge_id, Cells(*cells))
    policy = bank.policies[TENANT]
    return waited(bank.judge(CALLER, policy, SUBSCRIBER, REQUEST, answer))
