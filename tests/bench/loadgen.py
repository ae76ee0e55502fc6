# SPDX-License-Identifier: Apache-2.0
"""Builds and runs the load generator (tools/loadgen)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from development.certificates import Identity
from development.vendor import Device

_WORKSPACE: Final = Path(__file__).resolve().parents[2] / "tools" / "loadgen"
_DIGITS_OF_COUNTER: Final = 12


class NotAllAccepted(Exception):
    """A code was not accepted, so what was measured is something else; says what came."""


@dataclass(frozen=True, slots=True)
class Loadgen:
    """Asks the server at ``target`` (host:port) as ``client``, with its own ``tokens``.

    The tokens' file remembers their counters from run to run. ``batch`` codes
    go into a call, or one into each if it is None; ``order`` is ``turn`` or
    ``random``.
    """

    target: str
    ca: Path
    client: Identity
    tokens: Path
    batch: int | None = None
    order: str = "turn"
    connections: int = 4

    def closed_rate(self, in_flight: int, seconds: float) -> float:
        """Return codes accepted per second with ``in_flight`` calls at any time.

        Raises `NotAllAccepted`.
        """
        report = self.accepted(f"--closed={in_flight}", f"--seconds={seconds}")
        return float(report["codes_rate"])

    def accepted(self, *options: str) -> dict[str, Any]:
        """Return the report of a run in which every code was accepted.

        Raises `NotAllAccepted`.
        """
        report = self.run(*options)
        if set(report["statuses"]) != {"OK"} or set(report["outcomes"]) != {"ACCEPTED"}:
            raise NotAllAccepted(f"{report['statuses']} {report['outcomes']}")
        if report["refusals"]:
            raise NotAllAccepted(str(report["refusals"]))
        return report

    def run(self, *options: str) -> dict[str, Any]:
        """Return loadgen's report of a run with more ``options``.

        Raises `subprocess.CalledProcessError` if it refuses them.
        """
        command: list[str | Path] = [
            _WORKSPACE / "target" / "release" / "loadgen",
            *("--target", f"https://{self.target}", "--ca", self.ca, "--tokens", self.tokens),
            *("--cert", self.client.certificate, "--key", self.client.private_key),
            *(f"--order={self.order}", f"--connections={self.connections}"),
            *(() if self.batch is None else (f"--batch={self.batch}",)),
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
    """Write event-based ``devices`` as loadgen reads them; return ``file``.

    It writes counters in their places, so the lines, which are all as long,
    leave room for them to grow. The serials must be as long, too.
    """
    with file.open("w", encoding="ascii") as lines:
        lines.writelines(map(_line, devices))
    return file


def read_tokens(file: Path) -> Iterator[Device]:
    """Yield the devices of loadgen's ``file`` as they are now."""
    with file.open(encoding="ascii") as lines:
        for known in map(json.loads, lines):
            yield Device(**{**known, "seed": bytes.fromhex(known["seed"])}, period=0)


def _line(device: Device) -> str:
    known = {"serial": device.serial, "seed": device.seed.hex(), "digits": device.digits}
    room = " " * (_DIGITS_OF_COUNTER - len(str(device.counter)))
    return f"{json.dumps({**known, 'counter': device.counter})}{room}\n"
