# SPDX-License-Identifier: Apache-2.0
"""A fresh SoftHSM for a test, filled by the product's own ceremony.

The ceremony runs in a process of its own: python-pkcs11 and the server's
extension must not share one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import kagimori

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
SERVING = "kagimori-serving"
IMPORTING = "kagimori-import"
TENANTS = {"kenshin": "10112001", "abukuma": "20160003"}

Vendors = Mapping[str, tuple[str, bytes | None]]
"""Vendor: its key's use as the key policy calls it, and the key; None if the HSM makes it."""

# As the command itself, but with room for a line of Python before it.
_COMMAND = """
from kagimori.cli import main
main()
"""

_PLAN = """
provider = "softhsm"
module = "{module}"
environment = {{ SOFTHSM2_CONF = "./softhsm2.conf" }}
record = "ceremony.json"
tenants = "tenants.toml"

[partition.serving]
label = "{serving}"
pin = {{ file = "serving.pin" }}
so_pin = {{ file = "serving.so-pin" }}

[partition.import]
label = "{importing}"
pin = {{ file = "import.pin" }}
so_pin = {{ file = "import.so-pin" }}
"""


@dataclass(frozen=True)
class HsmFiles:
    """Where a ceremony's files are; all of them lie in ``directory``."""

    directory: Path

    @property
    def plan(self) -> Path:
        return self.directory / "ceremony.toml"

    @property
    def tenants(self) -> Path:
        return self.directory / "tenants.toml"

    @property
    def conf(self) -> Path:
        """What SOFTHSM2_CONF must name."""
        return self.directory / "softhsm2.conf"

    def public_half(self, vendor: str, use: str) -> Path:
        """Where the ceremony writes the public half of a vendor's key."""
        return self.directory / f"vendor-{vendor}-{use}.pem"

    @property
    def record_file(self) -> Path:
        return self.directory / "ceremony.json"

    @cached_property
    def record(self) -> dict[str, Any]:
        """The ceremony's record, parsed."""
        record: dict[str, Any] = json.loads(self.record_file.read_text(encoding="utf-8"))
        return record

    @property
    def serving_pin_file(self) -> Path:
        return self.directory / "serving.pin"

    @property
    def import_pin_file(self) -> Path:
        return self.directory / "import.pin"

    @property
    def serving_pin(self) -> str:
        return self.serving_pin_file.read_text(encoding="ascii").strip()

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, with SOFTHSM2_CONF."""
        return {**os.environ, "SOFTHSM2_CONF": str(self.conf)}


def fresh_hsm(
    directory: Path,
    tenants: dict[str, str] = TENANTS,
    vendors: Vendors | None = None,
) -> HsmFiles:
    """Hold a ceremony in ``directory`` and return its files.

    ``tenants`` maps name to service ID; ``vendors`` maps name to use, as the
    key policy calls it, and key: None where the HSM makes it.
    """
    files = write_plan(directory, tenants, vendors)
    held = hold_ceremony(files)
    assert held.returncode == 0, held.stdout + held.stderr
    return files


def write_plan(
    directory: Path,
    tenants: dict[str, str] = TENANTS,
    vendors: Vendors | None = None,
) -> HsmFiles:
    """Write a ceremony's file and what it names into ``directory``."""
    files = HsmFiles(directory)
    directory.mkdir(parents=True, exist_ok=True)
    rows = [f'[{name}]\nservice_id = "{service_id}"\n' for name, service_id in tenants.items()]
    files.tenants.write_text("".join(rows), encoding="utf-8")
    plan = _PLAN.format(module=MODULE, serving=SERVING, importing=IMPORTING)
    for name, (use, key) in (vendors or {}).items():
        plan += f'\n[vendor.{name}]\nuse = "{use.removesuffix("_des3")}"\n'
        if use.endswith("_des3"):
            plan += 'cipher = "3DES"\n'
        if key is not None:
            (directory / f"{name}.hex").write_text(key.hex() + "\n", encoding="ascii")
            plan += f'key = {{ file = "{name}.hex" }}\n'
    files.plan.write_text(plan, encoding="utf-8")
    return files


def hold_ceremony(files: HsmFiles, prelude: str = "") -> subprocess.CompletedProcess[str]:
    """Run the ceremony of ``files``; ``prelude`` is Python to run in its process first."""
    return subprocess.run(
        ceremony_command(files, prelude),
        env=python_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def ceremony_command(files: HsmFiles, prelude: str = "") -> list[str]:
    """Return the command line that holds the ceremony of ``files``."""
    return [sys.executable, "-c", prelude + _COMMAND, "ceremony", str(files.plan)]


def python_environment() -> dict[str, str]:
    """This process's environment, such that a child finds this very package."""
    found = [str(Path(kagimori.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, found))}
