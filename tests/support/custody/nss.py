# SPDX-License-Identifier: Apache-2.0
"""NSS's softoken, dressed as an HSM of ours: for being refused.

It is a PKCS#11 module that no one here wrote and that enforces none of the
custody attributes; most of them it cannot even store.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from development.environment import Environment

PARTITION = "kagimori-serving"
PIN = "31415926535897932384"
TENANT = "10112001"

_DOOR_SOURCE = Path(__file__).with_name("nss_door.rs")
_KEYS_PROGRAM = Path(__file__).with_name("nss_keys.py")


@dataclass(frozen=True)
class NssHsm:
    """A softoken with a tenant's keys; all files lie in ``directory``."""

    directory: Path

    @property
    def module(self) -> Path:
        """The PKCS#11 module to configure, with provider profile "nss"."""
        return self.directory / "libnss_door.so"

    @property
    def pin_file(self) -> Path:
        return self.directory / "serving.pin"

    @property
    def record_file(self) -> Path:
        """As a ceremony would have written it, had its checks passed."""
        return self.directory / "ceremony.json"

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables that the module wants."""
        return {
            "KAGIMORI_NSS_PARAMETERS": f"configdir='sql:{self.directory}' certPrefix='' "
            f"keyPrefix='' secmod='secmod.db' flags=noModDB dbTokenDescription='{PARTITION}'"
        }

    def install(self, place: Environment) -> None:
        """Make it the HSM of ``place``, which then serves `TENANT` alone."""
        tenants = self.directory / "tenants.toml"
        tenants.write_text(f'[kenshin]\nservice_id = "{TENANT}"\n', encoding="utf-8")
        text = place.config.read_text(encoding="utf-8")
        for key, value in {
            "tenants": f'"{tenants}"',
            "provider": '"nss"',
            "module": f'"{self.module}"',
            "environment": "{ "
            + ", ".join(f'{name} = "{value}"' for name, value in self.settings.items())
            + " }",
            "pin": f'{{ file = "{self.pin_file}" }}',
            "ceremony_record": f'"{self.record_file}"',
        }.items():
            text, count = re.subn(rf"(?m)^{key} = .*", f"{key} = {value}", text, count=1)
            assert count == 1, f"{key} is not in the configuration"
        place.config.write_text(text, encoding="utf-8")


def nss_hsm(directory: Path, python: dict[str, str]) -> NssHsm:
    """Make a softoken database in ``directory`` with the keys of `TENANT`.

    ``python`` is an environment in which the package can be imported.
    """
    files = NssHsm(directory)
    directory.mkdir(parents=True, exist_ok=True)
    build = ["rustc", "--edition", "2024", "--crate-type", "cdylib", "-O"]
    subprocess.run([*build, "-o", str(files.module), str(_DOOR_SOURCE)], check=True)
    files.pin_file.write_text(PIN + "\n", encoding="ascii")
    environment = {**os.environ, **python, **files.settings}
    program = [sys.executable, str(_KEYS_PROGRAM), str(files.module), str(files.record_file)]
    subprocess.run([*program, PARTITION, TENANT], check=True, env=environment, input=PIN, text=True)
    return files
