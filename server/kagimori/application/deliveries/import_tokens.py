# SPDX-License-Identifier: Apache-2.0
"""Takes a vendor's file into a tenant's stock, batch by batch, however large it is.

While one batch is read, the HSM seals the one before, and the stock writes the
one before that. A run that was cut off is completed by running it again: the
delivery is known by its digest, and what it has brought in is left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from typing import Final

from kagimori.application.deliveries.batch import Judged, Sealed
from kagimori.application.deliveries.intake import Intake
from kagimori.application.deliveries.order import (
    DeliveryRefused,
    ImportOrder,
    OrderRefused,
    check_assignments,
)
from kagimori.application.deliveries.ports import (
    Delivery,
    DeliveryVault,
    SeedRefused,
    Seen,
    Stock,
)
from kagimori.application.deliveries.report import Ending, Line, Result, Sink, Summary
from kagimori.application.deliveries.vendor_file import (
    TokenFault,
    VendorFile,
    VendorFileRefused,
    VendorToken,
)
from kagimori.domain.errors import AuthorityError

__all__ = ["DeliveryRefused", "ImportOrder", "ImportTokens", "OrderRefused"]

BATCH: Final = 256
"""Tokens that are sealed, and stored, at once."""

# Why a seed is refused that is under another key, or was changed on its way.
_NOT_OURS: Final = frozenset({"UNWRAP_FAILED", "MAC_MISMATCH"})
_WRONG_KEY: Final = "WRONG_KEY"

Reopen = Callable[[], AbstractContextManager[VendorFile]]
Spool = Callable[[], AbstractContextManager[Seen]]


@dataclass(frozen=True, slots=True)
class ImportTokens:
    """The use case. ``spool`` makes an empty `Seen`; ``batch`` is in tokens."""

    vault: DeliveryVault
    stock: Stock
    spool: Spool
    batch: int = BATCH

    async def __call__(
        self,
        order: ImportOrder,
        file: VendorFile,
        sink: Sink,
        reopen: Reopen,
        stop: Callable[[], bool] = lambda: False,
    ) -> Summary:
        """Import the tokens of ``file``; ``sink`` is told what became of each.

        ``reopen`` gives the file anew where it is read twice; ``stop`` is asked
        before each batch. Raises `OrderRefused`, or `DeliveryRefused` where no
        seed of the file can be opened: it has imported nothing then. What
        happens in the middle is the summary's ending.
        """
        check_assignments(order)
        if not order.dry_run and not order.all_or_nothing:
            return await self._write(order, file, sink, stop)
        summary = await self._read(order, file, sink, stop, None)
        if order.dry_run:
            return summary
        summary.is_held_back = _holds_back(summary)
        if summary.is_held_back:
            return summary
        with reopen() as again:
            if again.digest != file.digest:
                raise DeliveryRefused("CHANGED", "the file is another one than at first")
            return await self._write(order, again, sink, stop)

    async def _write(
        self, order: ImportOrder, file: VendorFile, sink: Sink, stop: Callable[[], bool]
    ) -> Summary:
        delivery = Delivery(order.tenant, file.digest, order.vendor, order.actor)
        delivery_id = await self.stock.begin(delivery)
        summary = await self._read(order, file, sink, stop, delivery_id)
        if summary.ending is Ending.COMPLETE:
            await self.stock.finish(order.tenant, delivery_id)
        return summary

    async def _read(
        self,
        order: ImportOrder,
        file: VendorFile,
        sink: Sink,
        stop: Callable[[], bool],
        delivery_id: str | None,
    ) -> Summary:
        sink.restart()
        summary = Summary(file.digest, dry_run=delivery_id is None)
        with self.spool() as seen:
            intake = Intake(
                order,
                file.head,
                delivery_id,
                vault=self.vault,
                stock=self.stock,
                seen=seen,
            )
            reading = _Reading(intake, _Telling(order, summary, sink))
            await reading.run(_Batches(file, self.batch), stop)
        return summary


def _holds_back(summary: Summary) -> bool:
    bad = summary.results[Result.REFUSED] + summary.results[Result.NOT_IN_FILE]
    return bool(bad) or summary.ending is not Ending.COMPLETE


class _Batches:
    """Cuts a file into batches; a fault of the file ends them, and is kept."""

    def __init__(self, file: VendorFile, size: int) -> None:
        self._file = file
        self._tokens = self._read()
        self._size = size
        self.fault: VendorFileRefused | None = None

    def next(self) -> tuple[list[VendorToken | TokenFault], int]:
        """Return the next batch, empty at the end, and how many octets were read."""
        return list(islice(self._tokens, self._size)), self._file.position

    def _read(self) -> Iterator[VendorToken | TokenFault]:
        try:
            yield from self._file.tokens()
        except VendorFileRefused as fault:
            self.fault = fault


class _Telling:
    """Counts and passes on what is reported; knows which assignments are left."""

    def __init__(self, order: ImportOrder, summary: Summary, sink: Sink) -> None:
        self.summary = summary
        self._sink = sink
        self._unmet = dict.fromkeys(sorted(order.assignments))

    def tell(self, lines: list[Line], position: int) -> None:
        for line in lines if self._unmet else ():
            self._unmet.pop(line.serial, None)
        self.summary.add(lines)
        self._sink.tell(lines, position)

    def tell_unmet(self, position: int) -> None:
        """Report what was to be assigned and never came."""
        detail = "it was to be assigned, and the file has no such token"
        self.tell(
            [Line(serial, Result.NOT_IN_FILE, detail=detail) for serial in list(self._unmet)],
            position,
        )


class _Reading:
    """One reading of a file, with two batches under way beside the one that is read."""

    def __init__(self, intake: Intake, telling: _Telling) -> None:
        self._intake = intake
        self._telling = telling
        self._sealing: tuple[asyncio.Task[Sealed], int] | None = None
        self._storing: tuple[asyncio.Task[list[Line]], int] | None = None
        # Until a seed was tried it is not known whether the key fits.
        self._key_is_proven = False

    async def run(self, batches: _Batches, stop: Callable[[], bool]) -> None:
        """Read to the end; say in the summary how it came about."""
        summary = self._telling.summary
        try:
            position = await self._read(batches, stop)
        except AuthorityError as trouble:
            summary.ending, summary.trouble = Ending.FAILED, trouble
            return
        finally:
            await self._end()
        if batches.fault is not None:
            summary.ending, summary.trouble = Ending.BROKE_OFF, batches.fault
        if summary.ending is Ending.COMPLETE:
            self._telling.tell_unmet(position)

    async def _read(self, batches: _Batches, stop: Callable[[], bool]) -> int:
        position = 0
        while True:
            if stop():
                self._telling.summary.ending = Ending.INTERRUPTED
                break
            batch, position = batches.next()
            if not batch:
                break
            await self._advance((await self._intake.judge(batch), position))
        await self._advance(None)
        await self._stored()
        return position

    async def _advance(self, judged: tuple[Judged, int] | None) -> None:
        """Hand each batch that is under way on to its next stage."""
        sealed = await self._sealed()
        if judged is not None:
            batch, position = judged
            # It is begun before its turn to be awaited: the HSM works while we read on.
            self._sealing = asyncio.create_task(self._intake.seal(batch)), position
            await asyncio.sleep(0)
        await self._stored()
        if sealed is not None:
            batch_sealed, position = sealed
            self._storing = asyncio.create_task(self._intake.store(batch_sealed)), position
            await asyncio.sleep(0)

    async def _sealed(self) -> tuple[Sealed, int] | None:
        if self._sealing is None:
            return None
        (task, position), self._sealing = self._sealing, None
        try:
            sealed = await task
        except SeedRefused as refusal:
            raise _refused(refusal) from None
        self._check_key(sealed)
        return sealed, position

    def _check_key(self, sealed: Sealed) -> None:
        """Refuse the file whose first seeds all look as if they were under another key.

        Nobody wants to hear a million times that a password was mistyped. What an
        earlier run of the delivery has opened shows that the file is sound.
        """
        opened = len(sealed.refusals) < sealed.tried or sealed.has_earlier
        self._key_is_proven = self._key_is_proven or opened
        if self._key_is_proven or not sealed.tried:
            return
        if all(refusal.reason in _NOT_OURS for refusal in sealed.refusals):
            raise _refused(sealed.refusals[0])
        self._key_is_proven = True

    async def _stored(self) -> None:
        if self._storing is None:
            return
        (task, position), self._storing = self._storing, None
        self._telling.tell(await task, position)

    async def _end(self) -> None:
        """Leave nothing under way: what is being stored is told of, if it can be."""
        if self._sealing is not None:
            await asyncio.wait({self._sealing[0]})
            self._sealing[0].exception()
        if self._storing is not None:
            await asyncio.wait({self._storing[0]})
            if self._storing[0].exception() is None:
                await self._stored()


def _refused(refusal: SeedRefused) -> DeliveryRefused:
    if refusal.reason not in _NOT_OURS:
        return DeliveryRefused(refusal.reason, refusal.detail)
    detail = f"the vendor's key or the password does not open it ({refusal})"
    return DeliveryRefused(_WRONG_KEY, detail)
