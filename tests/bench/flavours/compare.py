# SPDX-License-Identifier: Apache-2.0
"""``python -m bench.flavours.compare``: calls per second of each flavour.

Each flavour is measured with loadgen over mTLS in turns with the others, several
times; the best round of each counts. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench import loadgen
from bench.flavours.served import Flavour
from bench.loadgen import Loadgen
from development import environment
from development.certificates import Identity
from development.environment import Environment
from development.vendor import make_device
from support.served.authority import SERVICE_ID

_LEAN: Final = 0.0005
FLAVOURS: Final = {
    "threads, 4": Flavour(threads=4),
    "threads, 8": Flavour(threads=8),
    "threads, 16": Flavour(threads=16),
    "threads, 32": Flavour(threads=32),
    "threads, 16, an interceptor": Flavour(threads=16, interceptors=1),
    "threads, 64, handed off": Flavour(threads=64, hand_off=True),
    "asyncio": Flavour(),
    "asyncio, an interceptor": Flavour(interceptors=1),
    "asyncio, messages not parsed": Flavour(parse=False),
    "asyncio, handed off": Flavour(hand_off=True),
    "asyncio, handed off, switch interval 0.5 ms": Flavour(hand_off=True, switch=_LEAN),
    "asyncio, switch interval 0.5 ms": Flavour(switch=_LEAN),
}
IN_FLIGHT: Final = (1, 16, 64, 200)
_HANDSHAKES: Final = 300


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    asked = parser.parse_args()
    loadgen.build()
    with tempfile.TemporaryDirectory() as directory:
        place = environment.prepare(Path(directory))
        sys.stdout.write("| flavour | " + " | ".join(f"{n} in flight" for n in IN_FLIGHT) + " |\n")
        sys.stdout.write("|---" * (len(IN_FLIGHT) + 1) + "|\n")
        for name, best in _rates(place, asked.rounds, asked.seconds).items():
            cells = " | ".join(f"{rate:,.0f}" for rate in best)
            sys.stdout.write(f"| {name} | {cells} |\n")
        _report_handshakes(place)


def _rates(place: Environment, rounds: int, seconds: float) -> dict[str, list[float]]:
    devices = [make_device(f"KGLG{number:08}", period=0) for number in range(max(IN_FLIGHT))]
    file = loadgen.write_tokens(place.directory / "tokens.jsonl", devices)
    best = {name: [0.0] * len(IN_FLIGHT) for name in FLAVOURS}
    with ExitStack() as stack:
        ports = {name: stack.enter_context(_served(place, it)) for name, it in FLAVOURS.items()}
        for _ in range(rounds):
            for name, port in ports.items():
                load = Loadgen(
                    f"127.0.0.1:{port}",
                    place.certificates / "ca.pem",
                    place.client(SERVICE_ID),
                    file,
                )
                measured = [load.closed_rate(number, seconds) for number in IN_FLIGHT]
                best[name] = [max(pair) for pair in zip(best[name], measured, strict=True)]
    return best


@contextmanager
def _served(place: Environment, flavour: Flavour) -> Iterator[int]:
    command = [sys.executable, "-m", "bench.flavours.served", str(place.config)]
    program = subprocess.Popen(
        [*command, json.dumps(asdict(flavour))],
        cwd=Path(__file__).resolve().parents[2],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with program:  # leaving it closes standard input, and waits
        assert program.stdout is not None
        yield int(program.stdout.readline())


def _report_handshakes(place: Environment) -> None:
    with _served(place, Flavour()) as port:
        full, _ = _handshakes(place.client(SERVICE_ID), place, port, resume=False)
        resumed, count = _handshakes(place.client(SERVICE_ID), place, port, resume=True)
    sys.stdout.write(
        f"\nTLS 1.3 handshakes a second: {full:,.0f} full, {resumed:,.0f} with a session offered"
        f" ({count} of {_HANDSHAKES} resumed)\n"
    )


def _handshakes(
    client: Identity, place: Environment, port: int, *, resume: bool
) -> tuple[float, int]:
    """Return handshakes per second, and how many were resumed."""
    context = ssl.create_default_context(cafile=place.certificates / "ca.pem")
    context.load_cert_chain(client.certificate, client.private_key)
    context.set_alpn_protocols(["h2"])
    session: ssl.SSLSession | None = None
    resumed, began = 0, time.perf_counter()
    for _ in range(_HANDSHAKES):
        with (
            socket.create_connection(("127.0.0.1", port)) as connection,
            context.wrap_socket(connection, server_hostname="localhost", session=session) as tls,
        ):
            resumed += bool(tls.session_reused)
            tls.recv(1)  # a ticket comes after the handshake, before the server's first frame
            session = tls.session if resume else None
    return _HANDSHAKES / (time.perf_counter() - began), resumed


if __name__ == "__main__":
    main()
