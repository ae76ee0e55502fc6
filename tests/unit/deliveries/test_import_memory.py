# SPDX-License-Identifier: Apache-2.0
"""A file may be as long as it likes: an import keeps no more of it than a batch."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import pytest

from fakes.delivery_vault import FakeDeliveryVault
from fakes.stock import FakeStock
from kagimori.adapters.spool import spool
from kagimori.application.deliveries.import_tokens import ImportOrder, ImportTokens
from kagimori.application.deliveries.ports import Earlier
from kagimori.application.deliveries.report import Line, Result, Summary
from kagimori.application.deliveries.vendor_file import Head, VendorFile, VendorToken
from support.vendors.deliveries import HEAD, KEY, VENDOR, token

ORDER = ImportOrder("20160003", VENDOR, "os-user:keeper", max_drift=10)
FEW, MANY = 10_000, 100_000


@dataclass
class Endless:
    """A file in which one token stands again and again."""

    size: int
    head: Head = HEAD
    digest: bytes = bytes(32)
    position: int = 0
    one: VendorToken = field(default_factory=lambda: token(0))

    def tokens(self) -> Iterator[VendorToken]:
        for _ in range(self.size):
            yield self.one


class Counting:
    """A sink that keeps nothing."""

    def restart(self) -> None:
        """Forget nothing."""

    def tell(self, lines: Sequence[Line], position: int) -> None:
        """Keep nothing."""


def never() -> AbstractContextManager[VendorFile]:
    raise AssertionError("it is read once")


def imported(count: int) -> tuple[Summary, int]:
    """Return the sum of an import of so many duplicates, and its peak in octets."""
    use_case = ImportTokens(FakeDeliveryVault({VENDOR: KEY}), FakeStock(), spool)
    tracemalloc.start()
    try:
        summary = asyncio.run(use_case(ORDER, Endless(count), Counting(), never))
        return summary, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_stays_flat_over_duplicates_without_end() -> None:
    imported(1000)  # what is loaded and made once
    _, few = imported(FEW)
    summary, many = imported(MANY)
    assert summary.results == {Result.IMPORTED: 1, Result.DUPLICATE: MANY - 1}
    assert many < 1.2 * few


SPOOL = """
import hashlib, resource, sys
from kagimori.adapters.spool import spool
with spool() as seen:
    for begin in range(0, int(sys.argv[1]), 256):
        numbers = range(begin, begin + 256)
        seen.meet([(f"KAGI{n:08}", hashlib.md5(str(n).encode()).digest()) for n in numbers])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_what_was_met_is_kept_on_disk() -> None:
    few, many = (
        int(
            subprocess.run(
                [sys.executable, "-c", SPOOL, str(count)], capture_output=True, check=True
            ).stdout
        )
        for count in (50_000, 400_000)
    )
    # Kibibytes. In memory, these would be some 50 MiB more.
    assert many - few < 4096


def digest(word: str) -> bytes:
    return hashlib.sha256(word.encode()).digest()


@pytest.mark.parametrize("at_once", [False, True])
def test_what_was_met_before_is_told(*, at_once: bool) -> None:
    met = [("A", digest("a")), ("B", digest("a")), ("A", digest("b")), ("C", digest("b"))]
    with spool() as seen:
        told = seen.meet(met) if at_once else [seen.meet([one])[0] for one in met]
    # The seed behind a serial that comes again is nobody's.
    assert told == [Earlier(), Earlier(seed_of="A"), Earlier(serial=True), Earlier()]


def test_each_spool_is_empty() -> None:
    with spool() as first, spool() as second:
        first.meet([("A", digest("a"))])
        assert second.meet([("A", digest("a"))]) == [Earlier()]
