# SPDX-License-Identifier: Apache-2.0
"""A file that is there whole or not at all: written beside its place, then moved there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Draft:
    """A file in the making; `keep` moves it to its place."""

    def __init__(self, file: BinaryIO, draft: Path, target: Path) -> None:
        """Write to ``file``, which is open at ``draft``; see `drafted`."""
        self._file = file
        self._draft = draft
        self._target = target
        self._digest = hashlib.sha256()

    def write(self, octets: bytes) -> None:
        """Write the next octets; raise `OSError`."""
        self._file.write(octets)
        self._digest.update(octets)

    def keep(self) -> bytes:
        """Move it to its place, durably; return its SHA-256. Raises `OSError`."""
        self._file.flush()
        os.fsync(self._file.fileno())
        refuse_existing(self._target)
        self._draft.rename(self._target)
        sync_directory(self._target.parent)
        return self._digest.digest()


@contextmanager
def drafted(target: Path) -> Iterator[Draft]:
    """Open a draft of the file at ``target``, for its owner only.

    What is not kept is gone. Raises `FileExistsError` where the file or another
    draft of it is there, and other `OSError`.
    """
    refuse_existing(target)
    draft = target.with_name(f"{target.name}.part")
    file = os.fdopen(os.open(draft, _FLAGS, 0o600), "wb")
    try:
        yield Draft(file, draft, target)
    finally:
        # On a disk that is full, closing fails as writing did.
        with suppress(OSError):
            file.close()
        draft.unlink(missing_ok=True)


def refuse_existing(path: Path) -> None:
    """Raise `FileExistsError` if there is anything at ``path``, a dead link included."""
    if os.path.lexists(path):
        raise FileExistsError(17, "File exists", str(path))


def sync_directory(directory: Path) -> None:
    """Make durable which files the directory has."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
