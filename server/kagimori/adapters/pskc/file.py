# SPDX-License-Identifier: Apache-2.0
"""The vendor's file on disk: exactly the one that was named, and only a file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from kagimori.adapters.pskc.reader import read
from kagimori.application.inventory.vendor_file import (
    Fault,
    VendorFile,
    VendorFileRefused,
)

# Without O_NONBLOCK a named pipe would hold the process until somebody writes.
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def read_file(path: Path, vendor: str) -> VendorFile:
    """Read the PSKC file at ``path``, or raise `VendorFileRefused`.

    A symbolic link is not followed: what was checked is what is read.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        detail = f"it cannot be opened: {error.strerror}"
        raise VendorFileRefused(Fault.NOT_A_REGULAR_FILE, detail) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise VendorFileRefused(Fault.NOT_A_REGULAR_FILE, "only a regular file is read")
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return read(stream, vendor)
    finally:
        os.close(descriptor)
