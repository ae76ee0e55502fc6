# SPDX-License-Identifier: Apache-2.0
"""A PSKC 1.0 document (RFC 6030), from its XML to the tokens it tells of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kagimori.adapters.pskc.key import PackageReader, serial_at_fault
from kagimori.adapters.pskc.source import Source
from kagimori.adapters.pskc.xml import check_depth, line_of, packages
from kagimori.application.deliveries.vendor_file import (
    Head,
    TokenFault,
    VendorFileRefused,
    VendorToken,
)

if TYPE_CHECKING:
    from lxml.etree import _Element


class PskcFile:
    """A `VendorFile` over a PSKC document whose head was read."""

    def __init__(self, source: Source, head: Head, digest: bytes, *, lines: bool = True) -> None:
        """``digest`` is of the file as it lies on the disk.

        ``lines`` is False where the source's lines are not the file's: then nothing
        is said of them.
        """
        self.head = head
        self.digest = digest
        self.size = source.size
        self._source = source
        self._lines = lines

    @property
    def position(self) -> int:
        """Return how much was read."""
        return self._source.position

    def tokens(self) -> Iterator[VendorToken | TokenFault]:
        """See `VendorFile.tokens`."""
        if self._lines:
            yield from self._tokens()
            return
        try:
            for token in self._tokens():
                yield replace(token, line=0)
        except VendorFileRefused as refused:
            raise VendorFileRefused(refused.fault, refused.detail) from None

    def _tokens(self) -> Iterator[VendorToken | TokenFault]:
        reader = PackageReader(self.head, datetime.now(UTC))
        for package in packages(self._source.chunks()):
            try:
                token = reader.token(package)
            except VendorFileRefused as refused:
                check_depth(package)
                yield _fault(package, refused)
            else:
                yield token


def _fault(package: _Element, refused: VendorFileRefused) -> TokenFault:
    line = refused.line or line_of(package)
    return TokenFault(serial_at_fault(package), line, refused.fault, refused.detail)
