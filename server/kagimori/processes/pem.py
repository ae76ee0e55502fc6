# SPDX-License-Identifier: Apache-2.0
"""The PEM files that the configuration names."""

from __future__ import annotations

from pathlib import Path

from kagimori.config import ConfigError


def octets_of(path: Path, key: str) -> bytes:
    """Return what the file holds; raise `ConfigError` by the configuration's ``key``."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{key}: {error.strerror}: {path}") from None
