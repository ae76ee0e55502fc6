# SPDX-License-Identifier: Apache-2.0
"""Sets up a whole development authority in one directory, by its own commands.

What a bank would do once, in order: certificates, vendors' transport keys, the
key ceremony, the database, the tenants. The product's commands do the work; this file only
calls them, as a person would.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from development.certificates import Identity, issue_all, new_authority
from development.vendor import Device, write_pskc

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = "build/development"
VENDORS = {
    "kagi-cbc": ("aes128-cbc", 16),
    "kagi-keywrap": ("kw-aes256", 32),
    "kagi-3des": ("tripledes-cbc", 24),
}
"""Vendor: its algorithm and the octets of its transport key.

``kagi-rsa`` and ``kagi-onetime`` are not here: the HSM makes their keys.
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """A development authority. Every path lies in ``directory``."""

    directory: Path
    listen: str

    @property
    def config(self) -> Path:
        """Return the configuration file."""
        return self.directory / "kagimori.toml"

    @property
    def ceremony(self) -> Path:
        """Return the ceremony's file."""
        return self.directory / "ceremony.toml"

    @property
    def database(self) -> Path:
        """Return the SQLite file."""
        return self.directory / "kagimori.db"

    @property
    def certificates(self) -> Path:
        """Return the directory of certificates and keys."""
        return self.directory / "certificates"

    def client(self, service_id: str, role: str = "channel") -> Identity:
        """Return the identity of a tenant's client."""
        stem = self.certificates / f"{service_id}-{role}"
        return Identity(stem.with_suffix(".pem"), stem.with_suffix(".key"))

    def public_half(self, vendor: str, use: str) -> Path:
        """Return the PEM file of a vendor's key that the HSM made."""
        return self.directory / "hsm" / f"vendor-{vendor}-{use}.pem"

    def transport_key(self, vendor: str) -> bytes:
        """Return the key that the vendor's files are under."""
        return bytes.fromhex((self.directory / "vendors" / f"{vendor}.hex").read_text())

    def write_vendor_file(self, vendor: str, devices: list[Device]) -> Path:
        """Let the vendor deliver ``devices``; return the PSKC file."""
        path = self.directory / "vendors" / f"{vendor}.pskcxml"
        write_pskc(path, devices, self.transport_key(vendor), VENDORS[vendor][0])
        return path


def prepare(directory: Path, listen: str = "127.0.0.1:7443") -> Environment:
    """Write files, certificates and vendors' keys; no HSM yet."""
    environment = Environment(directory.resolve(), listen)
    directory.mkdir(parents=True, exist_ok=True)
    _write_files(environment)
    authority = new_authority(environment.certificates)
    issue_all(authority, service_ids())
    for vendor, (_, octets) in VENDORS.items():
        key_file = environment.directory / "vendors" / f"{vendor}.hex"
        key_file.parent.mkdir(exist_ok=True)
        key_file.touch(mode=0o600)
        key_file.write_text(secrets.token_hex(octets))
    return environment


def service_ids() -> list[str]:
    """Return the service IDs of the shipped tenants."""
    tenants = tomllib.loads((ROOT / "config" / "tenants.toml").read_text())
    return [tenant["service_id"] for tenant in tenants.values()]


def kagimori(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run one of the product's commands to its end and return what it did."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command(*arguments), text=True, check=False, **{"capture_output": True, **options}
    )


def apply_tenants(environment: Environment) -> subprocess.CompletedProcess[str]:
    """Put the tenants' file in force, without being asked."""
    return kagimori("tenants", "apply", "--config", environment.config, "--yes")


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of one of the product's commands."""
    return [sys.executable, "-m", "kagimori", *map(str, arguments)]


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_files(environment: Environment) -> None:
    """Write the shipped configuration and ceremony, moved into the directory."""
    for source, target in (
        ("config/development.toml", environment.config),
        ("softhsm/ceremony.toml", environment.ceremony),
    ):
        text = (ROOT / source).read_text()
        text = text.replace(f"../{SHIPPED}", str(environment.directory))
        text = text.replace('"tenants.toml"', f'"{ROOT}/config/tenants.toml"')
        text = text.replace('"../config/', f'"{ROOT}/config/')
        text = text.replace("127.0.0.1:7443", environment.listen)
        target.write_text(text)


def environment_variables(**more: str) -> dict[str, str]:
    """Return this process's environment with ``more`` in it."""
    return {**os.environ, **more}
