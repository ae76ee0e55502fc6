# SPDX-License-Identifier: Apache-2.0
"""The vendor's file on disk: exactly the one that was named, and only a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from kagimori.adapters.pskc.head import read_head
from kagimori.adapters.pskc.oath_csv import CsvFile
from kagimori.adapters.pskc.reader import PskcFile
from kagimori.adapters.pskc.signature import LARGEST_SIGNED, Signed, is_signed, parsed, signed_by
from kagimori.adapters.pskc.source import InMemory, OnDisk
from kagimori.application.deliveries.vendor_file import Fault, VendorFile, VendorFileRefused

# Without O_NONBLOCK a named pipe would hold the process until somebody writes.
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True)
class ReadOptions:
    """How a file is read.

    ``vendor`` is whose keys it is under; ``signer`` holds the PEM certificates of
    who must have signed it; ``csv`` says that it is an OATH CSV file, not PSKC.
    """

    vendor: str
    password: str | None = field(default=None, repr=False)
    signer: bytes | None = None
    csv: bool = False


@contextmanager
def open_file(path: Path, options: ReadOptions) -> Iterator[VendorFile]:
    """Open the file at ``path`` and read its head, or raise `VendorFileRefused`.

    A symbolic link is not followed: what was checked is what is read.
    """
    descriptor = _opened(path)
    try:
        source = OnDisk(descriptor)
        yield _csv(source, options) if options.csv else _pskc(source, options)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        detail = f"it cannot be opened: {error.strerror}"
        raise VendorFileRefused(Fault.NOT_A_REGULAR_FILE, detail) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise VendorFileRefused(Fault.NOT_A_REGULAR_FILE, "only a regular file is read")
    return descriptor


def _csv(source: OnDisk, options: ReadOptions) -> VendorFile:
    if options.signer is not None:
        raise VendorFileRefused(Fault.NOT_SIGNED, "a CSV file carries no signature")
    return CsvFile(source, source.digest)


def _pskc(source: OnDisk, options: ReadOptions) -> VendorFile:
    signed = _signed(source, options.signer)
    if signed is None:
        head = read_head(source.chunks(), options.vendor, options.password)
        return PskcFile(source, head, source.digest)
    content = InMemory(signed.content)
    head = read_head(content.chunks(), options.vendor, options.password)
    return PskcFile(content, replace(head, signer=signed.signer), source.digest, lines=False)


def _signed(source: OnDisk, signer: bytes | None) -> Signed | None:
    """Return what is signed in a file, None if it carries no signature and needs none."""
    if source.mentions_signature:
        if source.size > LARGEST_SIGNED:
            detail = f"a signed file may have {LARGEST_SIGNED} octets at most; split it"
            raise VendorFileRefused(Fault.TOO_LARGE, detail)
        root = parsed(source.whole())
        if root is not None and is_signed(root):
            return signed_by(root, signer)
    if signer is not None:
        raise VendorFileRefused(Fault.NOT_SIGNED, "it must be signed, and is not")
    return None
