# SPDX-License-Identifier: Apache-2.0
"""A token vendor: makes hardware tokens and delivers their seeds as PSKC.

The file is written by python-pskc, so that the reader under test meets bytes
that another implementation wrote (RFC 6030).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pskc import PSKC

HASH_OCTETS = {"SHA1": 20, "SHA256": 32, "SHA512": 64}


@dataclass(frozen=True, slots=True)
class Device:
    """A token as it lies in the customer's hand.

    ``period`` is seconds, 0 for an event-based token; ``counter`` is its next
    counter.
    """

    serial: str
    seed: bytes = field(repr=False)
    hash: Literal["SHA1", "SHA256", "SHA512"] = "SHA1"
    digits: int = 6
    period: int = 30
    counter: int = 0


def make_device(
    serial: str,
    hash_: Literal["SHA1", "SHA256", "SHA512"] = "SHA1",
    digits: int = 6,
    period: int = 30,
    counter: int = 0,
) -> Device:
    """Return a device with a fresh seed as long as its hash (RFC 4226 §4, R6)."""
    seed = secrets.token_bytes(HASH_OCTETS[hash_])
    return Device(serial, seed, hash_, digits, period, counter)


def write_pskc(path: Path, devices: Iterable[Device], transport_key: bytes, algorithm: str) -> None:
    """Write the devices' seeds under ``transport_key``.

    ``algorithm`` is python-pskc's name: ``aes128-cbc`` (which brings an
    HMAC-SHA1 MAC with it) or ``kw-aes256``.
    """
    container = PSKC()
    for device in devices:
        _add(container, device)
    container.encryption.setup_preshared_key(
        key=transport_key, key_name="transport", algorithm=algorithm
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    container.write(str(path))


def _add(container: PSKC, device: Device) -> None:
    moving = {"time_interval": device.period} if device.period else {"counter": device.counter}
    container.add_key(
        id=device.serial,
        serial=device.serial,
        manufacturer="KagiTech",
        secret=device.seed,
        algorithm=f"urn:ietf:params:xml:ns:keyprov:pskc:{'totp' if device.period else 'hotp'}",
        algorithm_suite=f"HMAC-{device.hash}",
        response_length=device.digits,
        response_encoding="DECIMAL",
        **moving,
    )
