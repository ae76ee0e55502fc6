# SPDX-License-Identifier: Apache-2.0
"""Looks for a secret in the memory of another process.

Linux only: reads ``/proc/PID/mem``, which takes root (CAP_SYS_PTRACE) where the
process is not ours or has made itself unreadable.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_CHUNK = 1 << 22
_REGION = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A secret to look for, kept as two halves that do not show it.

    The secret itself is ``mask ^ masked``; it is put together in the scanning
    process alone and only while it scans, so that it can be handed around
    without making the copies that the scan is to find.
    """

    mask: bytes = field(repr=False)
    masked: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> Pattern:
        """Hide ``secret``, of at least 16 bytes: fewer could be there by chance."""
        if len(secret) < 16:
            raise ValueError("too short to be found by its bytes alone")
        mask = secrets.token_bytes(len(secret))
        return cls(mask, _xor(secret, mask))

    def reveal(self) -> bytes:
        """Return the secret."""
        return _xor(self.mask, self.masked)


def copies(pid: int, pattern: Pattern) -> int:
    """Count the copies of the secret in the writable memory of process ``pid``.

    Skips the running test, with the reason, where that memory cannot be read.
    """
    require_privilege(pid)
    secret = pattern.reveal()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - no buffering
        return sum(_copies_in(memory.fileno(), *region, secret) for region in _writable(pid))


def require_privilege(pid: int) -> None:
    """Skip the running test if the memory of process ``pid`` is closed to us."""
    try:
        with Path(f"/proc/{pid}/mem").open("rb"):
            return
    except PermissionError:
        pytest.skip("needs root (CAP_SYS_PTRACE) to read the memory of another process")


def _writable(pid: int) -> Iterator[tuple[int, int]]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if found := _REGION.match(line):
            yield int(found[1], 16), int(found[2], 16)


def _copies_in(memory: int, begin: int, end: int, secret: bytes) -> int:
    """Count in one region. A piece overlaps the next by one byte too few for a
    copy, so that a copy on the border is seen once.
    """
    found = 0
    overlap = len(secret) - 1
    for at in range(begin, end, _CHUNK):
        try:
            piece = os.pread(memory, min(_CHUNK + overlap, end - at), at)
        except OSError:  # the region went away, or is a device's
            return found
        found += piece.count(secret)
    return found


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
