# SPDX-License-Identifier: Apache-2.0
"""The octets of a vendor's file, to be read more than once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Final, Protocol

from kagimori.application.deliveries.vendor_file import Fault, VendorFileRefused

_CHUNK: Final = 32 * 1024
_CHUNK_OF_DIGEST: Final = 256 * 1024

# An element's name stands in the file as it is: XML has no other way to write it.
# A prefix that is longer than this escapes here, and is refused where it is read.
_SIGNATURE: Final = re.compile(rb"<(?:[^<>/\s:]{1,200}:)?Signature[\s/>]")
_OVERLAP: Final = 256


class Source(Protocol):
    """What is read. ``position`` is how far the newest reading has come, in octets."""

    size: int
    position: int

    def chunks(self) -> Iterator[bytes]:
        """Read from the beginning."""
        ...


class OnDisk:
    """A file that is open, and that nobody may change while it is read."""

    def __init__(self, descriptor: int) -> None:
        """Read all of it once, for its size and digest."""
        self._descriptor = descriptor
        self.position = 0
        self.mentions_signature = False
        """Whether an XML signature may be in it."""
        self.size, self.digest = self._measured()

    def chunks(self) -> Iterator[bytes]:
        """Read from the beginning. At the end, refuse a file that was changed since."""
        digest = sha256()
        at = 0
        while chunk := os.pread(self._descriptor, _CHUNK, at):
            digest.update(chunk)
            at += len(chunk)
            self.position = at
            yield chunk
        if digest.digest() != self.digest:
            raise VendorFileRefused(Fault.UNEXPECTED, "the file was changed while it was read")

    def whole(self) -> bytes:
        """Return all of it."""
        return b"".join(self.chunks())

    def _measured(self) -> tuple[int, bytes]:
        digest = sha256()
        at, last = 0, b""
        while chunk := os.pread(self._descriptor, _CHUNK_OF_DIGEST, at):
            digest.update(chunk)
            at += len(chunk)
            self.mentions_signature |= _mentions(last + chunk[:_OVERLAP]) or _mentions(chunk)
            last = chunk[-_OVERLAP:]
        return at, digest.digest()


def _mentions(part: bytes) -> bool:
    # The word is looked for first: it is rare, and the search for it is fast.
    return b"Signature" in part and _SIGNATURE.search(part) is not None


class InMemory:
    """What a signature covers: it was checked, and is read from where it was checked."""

    def __init__(self, content: bytes) -> None:
        """Take the signed octets."""
        self._content = content
        self.size = len(content)
        self.position = 0

    def chunks(self) -> Iterator[bytes]:
        """Read from the beginning."""
        for at in range(0, self.size, _CHUNK):
            self.position = min(at + _CHUNK, self.size)
            yield self._content[at : at + _CHUNK]
