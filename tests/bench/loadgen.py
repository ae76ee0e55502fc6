# SPDX-License-Identifier: Apache-2.0
"""Builds and runs the load generator (tools/loadgen)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from development.certificates import Identity
from development.vendor import Device

_WORKSPACE: Final = Path(__file__).resolve().parents[2] / "tools" / "loadgen"


class NotAllAccepted(Exception):
    """A call was not accepted, so what was measured is something else; says what came."""


@dataclass(frozen=True, slots=True)
class Loadgen:
    """Asks the server at ``target`` (host:port) as ``client``, with its own ``tokens``.

    The tokens' file remembers their counters from run to run.
    """

    target: str
    ca: Path
    client: Identity
    tokens: Path

    def closed_rate(self, in_flight: int, seconds: float) -> float:
        """Return calls per second with ``in_flight`` at any time.

        Raises `NotAllAccepted`.
        """
        report = self.run(f"--closed={in_flight}", f"--seconds={seconds}")
        if set(report["statuses"]) != {"OK"} or set(report["outcomes"]) != {"ACCEPTED"}:
            raise NotAllAccepted(f"{report['statuses']} {report['outcomes']}")
        return float(report["rate"])

    def run(self, *options: str) -> dict[str, Any]:
        """Return loadgen's report of a run with more ``options``.

        Raises `subprocess.CalledProcessError` if it refuses them.
        """
        command: list[str | Path] = [
            _WORKSPACE / "target" / "release" / "loadgen",
            *("--target", f"https://{self.target}", "--ca", self.ca, "--tokens", self.tokens),
            *("--cert", self.client.certificate, "--key", self.client.private_key),
            *options,
        ]
        done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
        report: dict[str, Any] = json.loads(done.stdout)
        return report


def build() -> None:
    """Build it unless it is up to date."""
    manifest = str(_WORKSPACE / "Cargo.toml")
    subprocess.run(
        ["cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", manifest],
        check=True,
    )


def write_tokens(file: Path, devices: Iterable[Device]) -> Path:
    """Write event-based ``devices`` as loadgen reads them; return ``file``."""
    lines = [
        json.dumps(
            {
                "serial": device.serial,
                "seed": device.seed.hex(),
                "counter": device.counter,
                "digits": device.digits,
            }
        )
        for device in devices
    ]
    file.write_text("".join(f"{line}\n" for line in lines))
    return file
