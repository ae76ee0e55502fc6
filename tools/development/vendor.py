# SPDX-License-Identifier: Apache-2.0
"""A token vendor: makes hardware tokens and delivers their seeds as PSKC.

The file is written by python-pskc, so that the reader under test meets bytes
that another implementation wrote (RFC 6030).
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from lxml import etree
from pskc import PSKC

HASH_OCTETS = {"SHA1": 20, "SHA256": 32, "SHA512": 64}


@dataclass(frozen=True, slots=True)
class Device:
    """A token as it lies in the customer's hand.

    ``period`` is seconds, 0 for an event-based token; ``counter`` is its next
    counter. ``drift`` is by how many steps its clock is ahead. ``made`` is when its
    battery was put in, ``expires`` when its time is over; both are aware.
    """

    serial: str
    seed: bytes = field(repr=False)
    hash: Literal["SHA1", "SHA256", "SHA512"] = "SHA1"
    digits: int = 6
    period: int = 30
    counter: int = 0
    drift: int = 0
    made: datetime | None = None
    expires: datetime | None = None


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
    container = _container(devices)
    container.encryption.setup_preshared_key(
        key=transport_key, key_name="transport", algorithm=algorithm
    )
    _write(container, path)


def write_pskc_under_password(path: Path, devices: Iterable[Device], password: str) -> None:
    """Write the devices' seeds under a key of a password's (PBKDF2, RFC 6030 §6.2)."""
    container = _container(devices)
    container.encryption.setup_pbkdf2(
        password, iterations=100_000, algorithm="aes256-cbc", prf="hmac-sha256"
    )
    _write(container, path)


def damage(path: Path, serial: str) -> None:
    """Change one bit of a token's encrypted seed, as a bad line or a bad hand would."""
    document = etree.parse(path)
    (values,) = (
        package.iterfind(".//{*}Secret//{*}CipherValue")
        for package in document.iterfind("{*}KeyPackage")
        if package.findtext("{*}DeviceInfo/{*}SerialNo") == serial
    )
    for element in values:
        octets = bytearray(b64decode(element.text or ""))
        octets[0] ^= 1
        element.text = b64encode(octets).decode()
    document.write(path, xml_declaration=True, encoding="UTF-8")


def _container(devices: Iterable[Device]) -> PSKC:
    container = PSKC()
    for device in devices:
        _add(container, device)
    return container


def _write(container: PSKC, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    container.write(str(path))


def _add(container: PSKC, device: Device) -> None:
    container.add_key(
        id=device.serial,
        serial=device.serial,
        manufacturer="KagiTech",
        model="K1",
        secret=device.seed,
        algorithm=f"urn:ietf:params:xml:ns:keyprov:pskc:{'totp' if device.period else 'hotp'}",
        algorithm_suite=f"HMAC-{device.hash}",
        response_length=device.digits,
        response_encoding="DECIMAL",
        **_moving(device),
        **_dates(device),
    )


def _moving(device: Device) -> dict[str, int]:
    if not device.period:
        return {"counter": device.counter}
    drift = {"time_drift": device.drift} if device.drift else {}
    return {"time_interval": device.period, **drift}


def _dates(device: Device) -> dict[str, datetime]:
    dates = {"device.start_date": device.made, "policy.expiry_date": device.expires}
    return {name: date for name, date in dates.items() if date is not None}
