# SPDX-License-Identifier: Apache-2.0
"""One of the product's long-lived commands as a child process."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 30.0
STOP_SECONDS = 20.0


class NotServing(Exception):
    """The process ended or did not come up; the message is what it logged last."""


class Child:
    """Starts, stops and kills it; ``log`` is where it writes. Use it as a context manager."""

    def __init__(self, log: Path, variables: Mapping[str, str] | None = None) -> None:
        """``variables`` are the child's environment; its parent's if there are none."""
        self.log = log
        self._variables = variables
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """Return the child's process id."""
        return self._child.pid

    def start(self) -> Self:
        """Start it and return once it is up; raise `NotServing` otherwise."""
        raise NotImplementedError

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        self._child.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Return its exit code once it has ended; one that does not end is killed."""
        try:
            return self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        self._child.kill()
        self._child.wait()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing running."""
        if self._process is not None and self._process.poll() is None:
            self.stop()

    def _logged_since_start(self) -> bytes:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read()

    def _spawn(self, line: Sequence[str], is_up: Callable[[], bool], seconds: float) -> None:
        """Run ``line`` and return once ``is_up`` says so, which is asked again and again."""
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                line, env=self._variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + seconds
        while not is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise NotServing("\n".join(self.log.read_text().splitlines()[-20:]))
            time.sleep(0.05)

    @property
    def _child(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("it was not started")
        return self._process
