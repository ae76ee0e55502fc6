# SPDX-License-Identifier: Apache-2.0
"""A process that takes a vendor's seeds over and does nothing else.

``python -m support.custody.delivering DIRECTORY MODULE DOOR`` opens a vault of the ceremony
in DIRECTORY: the importing process's, which may open everything, or the serving
process's. Each line of its input is a delivery, each line of its output what came
of its seeds. It never holds a seed but as the vendor encrypted it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kagimori.adapters.vault import HsmImportVault, HsmVault, PartitionLogin, Sessions
from kagimori.application.deliveries.ports import SeedRefused, SeedToSeal
from kagimori.application.deliveries.vendor_file import (
    EncryptedSeed,
    Encryption,
    Head,
    InClear,
    MacMethod,
    OneTimeKey,
    PasswordKey,
    PreSharedKey,
    RsaKey,
)
from kagimori.domain.errors import HsmUnavailable
from kagimori.domain.token import Hash
from support.custody.hsm import IMPORTING, HsmFiles
from support.custody.vault import hsm_of

_KINDS: dict[str, type[Encryption]] = {
    kind.__name__: kind for kind in (PreSharedKey, PasswordKey, RsaKey, OneTimeKey, InClear)
}


@dataclass(frozen=True, slots=True)
class Deliverer:
    """The process, as a test has it."""

    pid: int
    process: subprocess.Popen[str]

    def seal(self, tenant: str, head: Head, seeds: Sequence[SeedToSeal]) -> list[str] | str:
        """Return a custody label or a reason for each seed, or why there is none."""
        assert self.process.stdin is not None
        delivery = {
            "tenant": tenant,
            "kind": type(head.encryption).__name__,
            "encryption": asdict(head.encryption),
            "mac": None if head.mac is None else asdict(head.mac),
            "seeds": [(asdict(one.seed), one.use) for one in seeds],
        }
        self.process.stdin.write(json.dumps(delivery, default=bytes.hex) + "\n")
        self.process.stdin.flush()
        told: list[str] | str = self._told()
        return told

    def _told(self) -> Any:  # noqa: ANN401 - what JSON holds
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@contextmanager
def deliverer(
    files: HsmFiles, module: Path, door: str, environment: Mapping[str, str]
) -> Iterator[Deliverer]:
    """Run the process; it has said that its vault is open."""
    with subprocess.Popen(
        [sys.executable, "-m", __name__, str(files.directory), str(module), door],
        env={**files.environment, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        running = Deliverer(process.pid, process)
        assert running._told() == "open"
        yield running


def main() -> None:
    """Do as the module says."""
    directory, module, door = sys.argv[1:]
    vault = _opened(HsmFiles(Path(directory)), Path(module), door)
    _tell("open")
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            _tell(runner.run(_sealed(vault, json.loads(line))))
    vault.close()


def _opened(files: HsmFiles, module: Path, door: str) -> HsmImportVault | HsmVault:
    hsm = hsm_of(files, module)
    if door == "serving":
        return HsmVault.open(hsm, Sessions(2, wait=60, cache_entries=2, cache_seconds=60))
    pin = files.import_pin_file.read_text(encoding="ascii").strip()
    partition = PartitionLogin(IMPORTING, pin)
    return HsmImportVault.open(hsm, partition, allow_host_transient=True, allow_clear_text=True)


async def _sealed(vault: HsmImportVault | HsmVault, delivery: dict[str, Any]) -> list[str] | str:
    kind, mac = _KINDS[delivery["kind"]], delivery["mac"]
    head = Head(kind(**_octets(delivery["encryption"])), mac and MacMethod(**_octets(mac)))
    seeds = [
        SeedToSeal(EncryptedSeed(**_octets(seed)), Hash(use)) for seed, use in delivery["seeds"]
    ]
    try:
        answers = await vault.seal(delivery["tenant"], head, seeds)
    except SeedRefused as refused:
        return refused.reason
    except HsmUnavailable as error:
        return type(error).__name__
    return [one.reason if isinstance(one, SeedRefused) else one.custody for one in answers]


def _octets(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what `asdict` made, with octets as octets again."""
    return {
        name: bytes.fromhex(value)
        if name in {"ciphertext", "mac", "key_ciphertext", "salt", "certificate"}
        and value is not None
        else (Hash(value) if name == "prf" else value)
        for name, value in fields.items()
    }


def _tell(what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - it is how the process answers


if __name__ == "__main__":
    main()
