# SPDX-License-Identifier: Apache-2.0
"""Places to write to, tried before the first key: a key cannot be unmade."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

from kagimori.custody.refusal import CeremonyRefused

if TYPE_CHECKING:
    from pathlib import Path


def prove_writable(name: str, path: Path) -> None:
    """Raise `CeremonyRefused` by ``name`` unless a file can be made at ``path``.

    Directories that are missing are made for the trial; nothing of it stays.
    """
    missing: list[Path] = []
    try:
        missing += [p for p in (path.parent, *path.parent.parents) if not p.exists()]
        for directory in reversed(missing):
            directory.mkdir()
        # Tried and not looked up: permission bits do not tell what a file system does.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name):
            pass
    except OSError as error:
        msg = f"{name}: cannot be written: {error.strerror}: {path}"
        raise CeremonyRefused(msg) from None
    finally:
        for directory in missing:
            with suppress(OSError):
                directory.rmdir()
