# SPDX-License-Identifier: Apache-2.0
"""`VerifyOtp` at the real server on SQLite, beside a handler that does nothing.

Over mTLS from loadgen, with many calls in flight; each is a fresh right code and
must be accepted. The tokens come in by the product's import.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench import loadgen
from bench.figure import Figure, Rounds, by_turns
from bench.loadgen import Loadgen
from development.environment import Environment
from development.server import ServerProcess
from development.vendor import make_device
from support.authority import SERVICE_ID, establish

IN_FLIGHT: Final = 64
_TOKENS: Final = 200
# A round of loadgen opens connections first; beside a whole round that is little.
_LONGER: Final = 5


def measure(rounds: Rounds) -> Figure:
    """Return verifications per second, and calls per second of the empty handler."""
    loadgen.build()
    devices = [make_device(f"KGLG{number:08}", period=0) for number in range(_TOKENS)]
    seconds = rounds.milliseconds / 1000 * _LONGER
    with tempfile.TemporaryDirectory() as directory:
        place = establish(Path(directory), devices)
        real = Loadgen(
            place.listen,
            place.certificates / "ca.pem",
            place.client(SERVICE_ID),
            loadgen.write_tokens(place.directory / "real.jsonl", devices),
        )
        with ServerProcess(place), empty_handler(place) as target:
            # A file of its own: what the empty handler is shown, the real one never sees.
            file = loadgen.write_tokens(place.directory / "empty.jsonl", devices)
            empty = replace(real, target=target, tokens=file)
            return by_turns(
                rounds,
                lambda: real.closed_rate(IN_FLIGHT, seconds),
                lambda: empty.closed_rate(IN_FLIGHT, seconds),
            )


@contextmanager
def empty_handler(place: Environment) -> Iterator[str]:
    """Serve `EmptyHandler` with the listener of ``place``; yield its host:port."""
    program = subprocess.Popen(
        [sys.executable, "-m", "bench.empty_handler", place.config],
        cwd=Path(__file__).resolve().parents[1],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with program:  # leaving it closes standard input, and waits
        assert program.stdout is not None
        yield f"127.0.0.1:{int(program.stdout.readline())}"
