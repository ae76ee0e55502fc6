# SPDX-License-Identifier: Apache-2.0
"""PINs: read from a file, the environment or a prompt; never an argument.

A blank partition may have PIN files that do not exist yet: then a PIN is drawn.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kagimori.config import ConfigError
from kagimori.custody.refusal import CeremonyRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic import SecretStr

    from kagimori.config import PinSource
    from kagimori.custody.plan import PartitionSection

PIN_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Pins:
    """The two PINs of a partition; neither shows in a repr."""

    user: SecretStr
    security_officer: SecretStr


def read(partition: PartitionSection) -> Pins:
    """Return both PINs of ``partition``; raise `CeremonyRefused`."""
    try:
        return Pins(
            user=partition.pin.read(f"the user of {partition.label}"),
            security_officer=partition.so_pin.read(f"the security officer of {partition.label}"),
        )
    except ConfigError as error:
        raise CeremonyRefused(str(error)) from None


def draw_missing(partition: PartitionSection, say: Callable[[str], None]) -> None:
    """Write a random PIN into each PIN file that does not exist, and say so."""
    for source in (partition.pin, partition.so_pin):
        if source.file is not None and not source.file.exists():
            _draw(source.file)
            say(f"a random PIN of {PIN_DIGITS} digits was written to {source.file}")


def missing_file(partition: PartitionSection) -> Path | None:
    """Return the first PIN file of ``partition`` that does not exist."""
    sources: tuple[PinSource, ...] = (partition.pin, partition.so_pin)
    return next((s.file for s in sources if s.file is not None and not s.file.exists()), None)


def _draw(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}d}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(pin)
