# SPDX-License-Identifier: Apache-2.0
"""A development authority with tokens in it, for tests and benches that need it whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from development import environment
from development.environment import Environment, kagimori
from development.vendor import Device

TENANT = "abukuma"
SERVICE_ID = "20160003"
VENDOR = "kagi-keywrap"


class NotEstablished(Exception):
    """One of the product's commands refused; the message is what it said."""


def establish(directory: Path, devices: Sequence[Device]) -> Environment:
    """Hold the ceremony, make the database, import ``devices`` and activate them.

    Each device belongs to the customer `subscriber_of` its serial. The vendor's
    file is opened inside the HSM.
    """
    place = environment.prepare(directory, f"127.0.0.1:{environment.free_port()}")
    _must("ceremony", place.ceremony)
    _must("database", "--config", place.config)
    _must("tenants", "apply", "--config", place.config, "--yes")
    file = place.write_vendor_file(VENDOR, list(devices))
    bindings = [
        word
        for device in devices
        for word in ("--assign", f"{device.serial}={subscriber_of(device.serial)}")
    ]
    options = ("--config", place.config, "--tenant", TENANT, "--vendor", VENDOR, "--activate")
    _must("import-tokens", file, *options, *bindings)
    return place


def subscriber_of(serial: str) -> str:
    """Return the customer who holds the token."""
    return f"customer-{serial[-3:]}"


def _must(*arguments: str | Path) -> None:
    done = kagimori(*arguments)
    if done.returncode:
        raise NotEstablished(f"kagimori {arguments[0]}:\n{done.stdout}{done.stderr}")
