# SPDX-License-Identifier: Apache-2.0
"""The empty handler as a server that benches can ask."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from development import environment
from development.environment import Environment


@contextmanager
def empty_handler(place: Environment, workers: int = 1) -> Iterator[str]:
    """Serve `bench.empty_handler` with the listener of ``place``; yield its host:port.

    ``workers`` processes share the port.
    """
    with ExitStack() as started:
        port = 0
        for _ in range(workers):
            port = started.enter_context(_process(place, port))
        yield f"127.0.0.1:{port}"


@contextmanager
def _process(place: Environment, port: int) -> Iterator[int]:
    program = subprocess.Popen(
        [sys.executable, "-m", "bench.empty_handler", place.config, str(port)],
        env=environment.environment_variables(PYTHONPATH=os.pathsep.join(sys.path)),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with program:  # leaving it closes standard input, and waits
        assert program.stdout is not None
        yield int(program.stdout.readline())
