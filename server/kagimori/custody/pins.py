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
from kagimori.custody.places import prove_writable
from kagimori.custody.refusal import CeremonyRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic import SecretStr

    from kagimori.config import PinSource
    from kagimori.custody.plan import PartitionSection

PIN_DIGITS = 20
_SHORTEST, _LONGEST = 4, 255  # bytes that SoftHSM takes


@dataclass(frozen=True, slots=True)
class Pins:
    """The two PINs of a partition; neither shows in a repr."""

    user: SecretStr
    security_officer: SecretStr


@dataclass(frozen=True, slots=True)
class ChosenPins:
    """The PINs that a blank partition is to get; None is a PIN yet to be drawn."""

    user: SecretStr | None
    security_officer: SecretStr | None


def read(partition: PartitionSection) -> Pins:
    """Return both PINs of ``partition``; raise `CeremonyRefused`."""
    user, security_officer = _purposes(partition)
    return Pins(
        user=_read(partition.pin, user),
        security_officer=_read(partition.so_pin, security_officer),
    )


def choose(partition: PartitionSection) -> ChosenPins:
    """Return what a blank ``partition`` is to get; write nothing.

    A typed PIN is asked for twice: nobody could correct a slip later. Raises
    `CeremonyRefused`, also for a PIN that no partition takes.
    """
    user, security_officer = _purposes(partition)
    return ChosenPins(
        user=_choose(partition.pin, user),
        security_officer=_choose(partition.so_pin, security_officer),
    )


def draw_missing(
    partition: PartitionSection, chosen: ChosenPins, say: Callable[[str], None]
) -> Pins:
    """Return ``chosen``, with a random PIN written to each file yet to be, and say so."""
    user, security_officer = _purposes(partition)
    return Pins(
        user=chosen.user or _drawn(partition.pin, user, say),
        security_officer=(
            chosen.security_officer or _drawn(partition.so_pin, security_officer, say)
        ),
    )


def missing_file(partition: PartitionSection) -> Path | None:
    """Return the first PIN file of ``partition`` that does not exist."""
    sources = (partition.pin, partition.so_pin)
    return next((file for source in sources if (file := _missing(source)) is not None), None)


def _purposes(partition: PartitionSection) -> tuple[str, str]:
    return f"the user of {partition.label}", f"the security officer of {partition.label}"


def _read(source: PinSource, purpose: str) -> SecretStr:
    try:
        return source.read(purpose)
    except ConfigError as error:
        raise CeremonyRefused(str(error)) from None


def _choose(source: PinSource, purpose: str) -> SecretStr | None:
    file = _missing(source)
    if file is not None:
        prove_writable(f"the PIN for {purpose}", file)
        return None
    pin = _read(source, purpose)
    if not _SHORTEST <= len(pin.get_secret_value().encode()) <= _LONGEST:
        msg = f"the PIN for {purpose}: a PIN has {_SHORTEST} to {_LONGEST} characters"
        raise CeremonyRefused(msg)
    if source.prompt and _read(source, f"{purpose}, again") != pin:
        msg = f"the PIN for {purpose}: the two that were typed differ"
        raise CeremonyRefused(msg)
    return pin


def _missing(source: PinSource) -> Path | None:
    return source.file if source.file is not None and not source.file.exists() else None


def _drawn(source: PinSource, purpose: str, say: Callable[[str], None]) -> SecretStr:
    # Looked at again: two sources may name one file.
    file = _missing(source)
    if file is not None:
        _draw(file)
        say(f"a random PIN of {PIN_DIGITS} digits was written to {file}")
    return _read(source, purpose)


def _draw(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}d}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(pin)
