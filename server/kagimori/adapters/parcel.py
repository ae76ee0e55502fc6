# SPDX-License-Identifier: Apache-2.0
"""The file for a print shop on its way: under a name of its own until its cards are live.

A run that is cut off leaves it there, and the next one finds it. While a run has it,
it is locked.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from kagimori.adapters.draft import refuse_existing, sync_directory

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC

# A ContentInfo of this type begins with a tag, a length of up to five octets, and it.
_ENVELOPED: Final = bytes.fromhex("06092a864886f70d010703")
_BEGINS_WITHIN: Final = 6 + len(_ENVELOPED)


class FileParcel:
    """A `Parcel`; see `parcel`."""

    def __init__(self, file: BinaryIO, partial: Path, target: Path) -> None:
        """Work on ``file``, which is open at ``partial`` and ours alone."""
        self._file = file
        self._partial = partial
        self._target = target
        self.stays = False

    def left(self) -> bytes | None:
        """Return what an earlier run has left, whole or not; None if there is nothing.

        It stays where it is then, until it is released or something else is staged.
        Raises `FileExistsError` if the file is none of this kind.
        """
        self._file.seek(0)
        octets = self._file.read()
        if not octets:
            return None
        self.stays = True
        if _ENVELOPED not in octets[:_BEGINS_WITHIN]:
            raise FileExistsError(17, "is in the way, and not of this command", str(self._partial))
        return octets

    def stage(self, octets: bytes) -> None:
        """See `Parcel.stage`."""
        self.stays = False
        self._file.seek(0)
        self._file.truncate()
        self._file.write(octets)
        self._file.flush()
        os.fsync(self._file.fileno())
        sync_directory(self._partial.parent)
        self.stays = True

    def release(self) -> None:
        """See `Parcel.release`."""
        refuse_existing(self._target)
        self._partial.rename(self._target)
        sync_directory(self._target.parent)

    def discard(self) -> None:
        """Take it away; what was never staged is of no use to anybody."""
        self._partial.unlink(missing_ok=True)


def partial_of(target: Path) -> Path:
    """Return where the file is until it has its name."""
    return target.with_name(f"{target.name}.partial")


@contextmanager
def parcel(target: Path) -> Iterator[FileParcel]:
    """Open the file that is to be at ``target``, for its owner only.

    Raises `FileExistsError` where that is there, `BlockingIOError` while another run
    has it, and other `OSError`. What is not staged is gone when the block is left.
    """
    refuse_existing(target)
    partial = partial_of(target)
    with _opened(partial) as file:
        _make_ours(file, partial)
        mine = FileParcel(file, partial, target)
        try:
            yield mine
        finally:
            if not mine.stays:
                mine.discard()


def _opened(partial: Path) -> BinaryIO:
    descriptor = os.open(partial, _FLAGS, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileExistsError(17, "is in the way, and no file", str(partial))
    return os.fdopen(descriptor, "r+b")


def _make_ours(file: BinaryIO, partial: Path) -> None:
    """Lock it; whoever had it before may have given it its name, or taken it away."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = os.path.samestat(os.fstat(file.fileno()), partial.lstat())
    except (BlockingIOError, FileNotFoundError):
        is_ours = False
    if not is_ours:
        raise BlockingIOError(11, "another run is writing it", str(partial))
    os.fchmod(file.fileno(), 0o600)
