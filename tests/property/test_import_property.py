# SPDX-License-Identifier: Apache-2.0
"""Whatever a file holds, and however it is cut into batches: the same report, the same stock."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from fakes.delivery_vault import FakeDeliveryVault
from fakes.stock import FakeStock
from kagimori.adapters.spool import spool
from kagimori.application.deliveries.import_tokens import ImportOrder, ImportTokens
from kagimori.application.deliveries.report import Line, Result
from kagimori.application.deliveries.vendor_file import Fault, TokenFault, VendorToken
from kagimori.domain.lifecycle import State
from support.vendors.deliveries import KEY, VENDOR, MemoryFile, Told, serial_number, spoiled, token

TENANT = "20160003"
ORDER = ImportOrder(TENANT, VENDOR, "os-user:keeper", max_drift=10)


class Told3(NamedTuple):
    """What is told of a token in the end."""

    serial: str
    line: int
    result: Result


def one(kind: str, number: int, other: int) -> VendorToken | TokenFault:
    """Return a token of a kind; ``other`` is whose seed a twin has."""
    makers: dict[str, Callable[[], VendorToken | TokenFault]] = {
        "good": lambda: token(number),
        "spoiled": lambda: spoiled(number),
        "drifting": lambda: token(number, drift=99),
        "unread": lambda: TokenFault(serial_number(number), 1, Fault.UNSUPPORTED, "a policy"),
        "twin": lambda: token(number, seed=token(other).seed),
        "misnamed": lambda: token(number, serial="no serial"),
    }
    return makers[kind]()


KINDS = st.sampled_from(["good", "good", "spoiled", "drifting", "unread", "twin", "misnamed"])
NUMBERS = st.integers(0, 6)
# The first token proves the key: what a wrong one does is told elsewhere.
FILES = st.lists(st.builds(one, KINDS, NUMBERS, NUMBERS), max_size=12).map(
    lambda rest: MemoryFile([token(99), *rest])
)
SIZES = st.integers(1, 14)


def imported(
    stock: FakeStock, file: MemoryFile, batch: int, stop: Callable[[], bool] = lambda: False
) -> list[Told3]:
    """Import, and return the report as it is at its end."""
    told = Told()
    use_case = ImportTokens(FakeDeliveryVault({VENDOR: KEY}), stock, spool, batch)
    asyncio.run(use_case(ORDER, replace(file, position=0), told, file.reopened, stop))
    condemned = [line.serial for line in told.lines if line.result is Result.CONDEMNED]
    assert len(set(condemned)) == len(condemned)
    return [
        # Of two twins in two batches the first is condemned; in one, it is refused.
        Told3(line.serial, line.line, _outcome(line, condemned))
        for line in told.lines
        if line.result is not Result.CONDEMNED
    ]


def _outcome(line: Line, condemned: list[str]) -> Result:
    was_in = line.result is Result.IMPORTED and line.serial in condemned
    return Result.REFUSED if was_in else line.result


def usable(stock: FakeStock) -> dict[str, object]:
    """Return what can be given to customers, by serial."""
    return {
        serial: one.identity.seed.blob
        for (_, serial), one in stock.tokens.items()
        if one.state is State.IN_STOCK
    }


@given(file=FILES, first=SIZES, second=SIZES)
def test_the_batch_size_shows_nowhere(file: MemoryFile, first: int, second: int) -> None:
    stocks = FakeStock(), FakeStock()
    assert imported(stocks[0], file, first) == imported(stocks[1], file, second)
    assert usable(stocks[0]) == usable(stocks[1])


@given(file=FILES, first=SIZES, second=SIZES, lasts=st.integers(0, 6))
def test_a_run_that_was_cut_off_is_completed_by_another(
    file: MemoryFile, first: int, second: int, lasts: int
) -> None:
    whole, halved = FakeStock(), FakeStock()
    asked = itertools.count()
    imported(halved, file, first, lambda: next(asked) >= lasts)
    assert imported(halved, file, second) == imported(whole, file, second)
    assert usable(halved) == usable(whole)
