# SPDX-License-Identifier: Apache-2.0
"""How an import ends: in the middle, at an outage, dry, or with all or nothing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from fakes.delivery_vault import FakeDeliveryVault
from fakes.stock import FakeStock
from kagimori.application.deliveries.import_tokens import (
    DeliveryRefused,
)
from kagimori.application.deliveries.ports import NewToken, SeedRefused, SeedToSeal
from kagimori.application.deliveries.report import Ending, Result
from kagimori.application.deliveries.vendor_file import (
    Fault,
    Head,
    VendorFileRefused,
)
from kagimori.domain.errors import HsmUnavailable, StoreUnavailable
from kagimori.domain.token import SealedSeed
from support.vendors.deliveries import (
    KEY,
    VENDOR,
    MemoryFile,
    spoiled,
)
from support.vendors.import_authority import FLEET, ORDER, SERIALS, Authority, all_are

HALF = VendorFileRefused(Fault.TRUNCATED, "the file ends in the middle", 4711)


@pytest.mark.parametrize("batch", [1, 2, 3, 5])
def test_half_a_file_is_half_an_import(authority: Authority, batch: int) -> None:
    authority.batch = batch
    summary = authority.import_(MemoryFile(FLEET[:3], breaks=HALF))
    assert (summary.ending, summary.trouble) == (Ending.BROKE_OFF, HALF)
    assert authority.serials == SERIALS[:3]
    assert authority.stock.finished == {}


def test_with_all_or_nothing_half_a_file_is_nothing(authority: Authority) -> None:
    order = replace(ORDER, all_or_nothing=True)
    summary = authority.import_(MemoryFile(FLEET[:3], breaks=HALF), order)
    assert (summary.ending, summary.is_held_back) == (Ending.BROKE_OFF, True)
    assert (authority.serials, authority.stock.deliveries) == ([], {})


def test_an_end_that_is_asked_for_comes_after_the_batch(authority: Authority) -> None:
    asked = itertools.count()
    summary = authority.import_(FLEET, stop=lambda: next(asked) >= 2)
    assert summary.ending is Ending.INTERRUPTED
    assert authority.serials == SERIALS[:4]
    assert authority.results == all_are(Result.IMPORTED)[:4]
    authority.import_(FLEET)
    assert authority.results == all_are(Result.IMPORTED)
    assert authority.serials == SERIALS


class Away(FakeStock):
    """A stock whose database goes away after the first batch."""

    async def add(self, delivery_id: str, tokens: Sequence[NewToken], actor: str) -> list[object]:  # type: ignore[override]
        if self.tokens:
            raise StoreUnavailable("no answer", 1.0)
        return list(await super().add(delivery_id, tokens, actor))


def test_an_outage_of_the_store_is_heard_and_what_is_reported_stands() -> None:
    authority = Authority(Away())
    summary = authority.import_(FLEET)
    assert (summary.ending, str(summary.trouble)) == (Ending.FAILED, "no answer")
    assert authority.results == all_are(Result.IMPORTED)[:2]
    assert authority.serials == SERIALS[:2]


@dataclass
class Failing(FakeDeliveryVault):
    """An HSM that goes away after so many batches."""

    lasts: int = 1

    async def seal(
        self, tenant: str, head: Head, seeds: Sequence[SeedToSeal]
    ) -> list[SealedSeed | SeedRefused]:
        self.lasts -= 1
        if self.lasts < 0:
            raise HsmUnavailable("the HSM is away", 1.0)
        return await super().seal(tenant, head, seeds)


@pytest.mark.parametrize("lasts", [0, 1, 2])
def test_an_outage_of_the_hsm_leaves_whole_batches(lasts: int) -> None:
    authority = Authority(vault=Failing({VENDOR: KEY}, lasts=lasts))
    summary = authority.import_(FLEET)
    assert summary.ending is Ending.FAILED
    assert authority.serials == SERIALS[: 2 * lasts]
    assert authority.results == all_are(Result.IMPORTED)[: 2 * lasts]


# --- dry runs, and all or nothing ----------------------------------------------------------


def test_a_dry_run_does_all_but_the_writing(authority: Authority) -> None:
    order = replace(ORDER, dry_run=True, assignments={SERIALS[0]: "c", "NOWHERE": "d"})
    summary = authority.import_([*FLEET[:3], spoiled(3), FLEET[0]], order)
    assert [result for _, result in authority.results] == [
        *[Result.IMPORTABLE] * 3,
        Result.REFUSED,
        Result.DUPLICATE,
        Result.NOT_IN_FILE,
    ]
    assert summary.dry_run
    assert authority.stock == FakeStock()


def test_all_or_nothing_reads_twice_and_reports_once(authority: Authority) -> None:
    summary = authority.import_(FLEET, replace(ORDER, all_or_nothing=True))
    assert authority.results == all_are(Result.IMPORTED)
    assert authority.told.restarts == 2
    assert summary.results == {Result.IMPORTED: 5}
    assert not summary.dry_run


def test_all_or_nothing_is_nothing_where_an_assignment_is_not_in_the_file(
    authority: Authority,
) -> None:
    order = replace(ORDER, all_or_nothing=True, assignments={"NOWHERE": "customer-1"})
    assert authority.import_(FLEET, order).is_held_back
    assert authority.stock == FakeStock()


def test_duplicates_are_no_reason_for_nothing(authority: Authority) -> None:
    authority.import_(MemoryFile(FLEET[:2], digest=b"earlier" * 4))
    summary = authority.import_(FLEET, replace(ORDER, all_or_nothing=True))
    assert (summary.taken, summary.left_out) == (3, 2)
    assert authority.serials == SERIALS


def test_a_file_that_changes_between_the_readings_is_refused(authority: Authority) -> None:
    with pytest.raises(DeliveryRefused) as refused:
        authority.import_(
            FLEET, replace(ORDER, all_or_nothing=True), reopened=MemoryFile(FLEET[:4])
        )
    assert refused.value.reason == "CHANGED"
    assert authority.serials == []


def test_an_interrupted_second_reading_is_completed_by_another_run(authority: Authority) -> None:
    order = replace(ORDER, all_or_nothing=True)
    asked = itertools.count()
    # Three batches and the end are asked for in the first reading.
    authority.import_(FLEET, order, stop=lambda: next(asked) >= 5)
    assert authority.serials == SERIALS[:2]
    authority.import_(FLEET, order)
    assert authority.results == all_are(Result.IMPORTED)
    assert authority.serials == SERIALS
