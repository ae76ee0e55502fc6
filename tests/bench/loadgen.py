# SPDX-License-Identifier: Apache-2.0
"""Builds and runs the load generator (tools/loadgen)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from google.protobuf.proto import serialize_length_prefixed

from development.certificates import Identity
from development.vendor import Device
from kagimori.api.verification.v1.transaction_pb2 import VerifyTransactionRequest

_WORKSPACE: Final = Path(__file__).resolve().parents[2] / "tools" / "loadgen"
_DIGITS_OF_COUNTER: Final = 12


class NotAllAccepted(Exception):
    """A code was not accepted, so what was measured is something else; says what came."""


class TooFewRequests(Exception):
    """All were sent before the time was over, so what was measured is something else."""


@dataclass(frozen=True, slots=True)
class Loadgen:
    """Asks the server at ``target`` (host:port) as ``client``, with its own ``tokens``.

    The tokens' file remembers their counters from run to run. ``batch`` codes
    go into a call, or one into each if it is None; ``order`` is ``turn`` or
    ``random``. With ``requests``, a file of `write_requests`, it asks
    `VerifyTransaction` instead, with each of them once.
    """

    target: str
    ca: Path
    client: Identity
    tokens: Path
    batch: int | None = None
    order: str = "turn"
    connections: int = 4
    requests: Path | None = None

    def closed_rate(self, in_flight: int, seconds: float) -> float:
        """Return codes accepted per second with ``in_flight`` calls at any time.

        Raises `NotAllAccepted`, and `TooFewRequests`.
        """
        report = self.accepted(f"--closed={in_flight}", f"--seconds={seconds}")
        if report["exhausted"]:
            raise TooFewRequests(f"{self.requests}, in {seconds} s")
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
            *("--target", f"https://{self.target}", f"--connections={self.connections}"),
            *("--ca", self.ca, "--cert", self.client.certificate),
            *("--key", self.client.private_key),
            *self._supply(),
            *options,
        ]
        done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def _supply(self) -> tuple[str | Path, ...]:
        if self.requests is not None:
            return "--requests", self.requests
        batch = () if self.batch is None else (f"--batch={self.batch}",)
        return "--tokens", self.tokens, f"--order={self.order}", *batch


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


def write_requests(file: Path, requests: Iterable[VerifyTransactionRequest]) -> Path:
    """Write ``requests`` as loadgen reads them, each behind its length; return ``file``.

    Their ``request_id`` is loadgen's to fill in.
    """
    octets = BytesIO()
    for request in requests:
        serialize_length_prefixed(request, octets)
    file.write_bytes(octets.getvalue())
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
