# SPDX-License-Identifier: Apache-2.0
"""A process that moves phones' seeds under the wrapping key and does nothing else.

``python -m support.custody.sealing DIRECTORY MODULE`` opens the vault of the ceremony in
DIRECTORY. Each line of its input is a tenant and envelopes in hexadecimal; each
line of its output is what came of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kagimori.adapters.vault import HsmVault, Sessions
from kagimori.application.provisioning.ports import EnvelopeUnfit
from kagimori.domain.errors import HsmUnavailable
from kagimori.domain.token import Hash
from support.custody.hsm import HsmFiles
from support.custody.vault import hsm_of


@dataclass(frozen=True, slots=True)
class Sealer:
    """The process, as a test has it."""

    pid: int
    process: subprocess.Popen[str]

    def seal(self, tenant: str, envelopes: Sequence[bytes]) -> Any:  # noqa: ANN401 - what JSON holds
        """Return the sealed seeds in hexadecimal, or the name of what was raised."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join([tenant, *(one.hex() for one in envelopes)]) + "\n")
        self.process.stdin.flush()
        return self._told()

    def _told(self) -> Any:  # noqa: ANN401 - what JSON holds
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@contextmanager
def sealer(files: HsmFiles, module: Path, environment: Mapping[str, str]) -> Iterator[Sealer]:
    """Run the process; it has said that its vault is open."""
    with subprocess.Popen(
        [sys.executable, "-m", "support.custody.sealing", str(files.directory), str(module)],
        env={**files.environment, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        running = Sealer(process.pid, process)
        assert running._told() == "open"
        yield running


def main() -> None:
    """Do as the module says."""
    directory, module = sys.argv[1:]
    hsm = hsm_of(HsmFiles(Path(directory)), Path(module))
    vault = HsmVault.open(hsm, Sessions(2, wait=60, cache_entries=2, cache_seconds=60))
    _tell("open")
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            tenant, *envelopes = line.split()
            _tell(runner.run(_sealed(vault, tenant, envelopes)))
    vault.close()


async def _sealed(vault: HsmVault, tenant: str, envelopes: Sequence[str]) -> list[str] | str:
    octets = [bytes.fromhex(envelope) for envelope in envelopes]
    try:
        seeds = await vault.seal_envelopes(tenant, 1, octets, Hash.SHA1)
    except (EnvelopeUnfit, HsmUnavailable) as error:
        return type(error).__name__
    return [seed.blob.hex() for seed in seeds]


def _tell(what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - it is how the process answers


if __name__ == "__main__":
    main()
