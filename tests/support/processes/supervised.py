# SPDX-License-Identifier: Apache-2.0
"""The real supervisor over workers that need no HSM and no database."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from development import environment
from support.processes.calls import eventually

SCRIPTED = Path(__file__).with_name("scripted_worker.py")
HOLLOW = Path(__file__).with_name("hollow_server.py")
_RUN = """
import sys
from pathlib import Path
from kagimori.processes import supervise
path, workers, *program = sys.argv[1:]
sys.exit(supervise.main(Path(path), int(workers), program))
"""


class Supervised:
    """A supervisor in ``directory``, and what its workers did; a context manager."""

    def __init__(
        self, directory: Path, *script: str, workers: int = 2, program: Path = SCRIPTED
    ) -> None:
        self.listen = f"127.0.0.1:{environment.free_port()}"
        self.environment = environment.prepare(directory, self.listen)
        self.config = self.environment.config
        self._program = program
        text = self.config.read_text()
        url = f'url = "sqlite:///{directory.resolve()}/kagimori.db"'
        assert url in text
        self.config.write_text(text.replace(url, 'url = "postgresql://nobody@127.0.0.1:1/none"'))
        self._directory = directory
        self._workers = workers
        self.write_script(*script)
        self._log = directory / "supervisor.log"

    def write_script(self, *words: str) -> None:
        """Let the next starts do so; the last word stays."""
        (self._directory / "script").write_text("\n".join(words))

    def __enter__(self) -> Self:
        program = [sys.executable, str(self._program)]
        arguments = [sys.executable, "-c", _RUN, str(self.config), str(self._workers), *program]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(arguments, stderr=log)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Ask it to end; return its exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    @property
    def history(self) -> list[tuple[str, int]]:
        """What the workers did: event and process id, in order."""
        path = self._directory / "history"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(event, int(pid)) for event, pid in (line.split() for line in lines)]

    def pids(self, event: str) -> list[int]:
        return [pid for what, pid in self.history if what == event]

    def until(self, event: str, times: int) -> list[int]:
        """Wait until ``event`` has happened so often; return the process ids."""
        eventually(lambda: len(self.pids(event)) >= times)
        return self.pids(event)

    @property
    def said(self) -> str:
        return self._log.read_text()

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log's lines of one event; a line that is still being written is not one."""
        whole, _, _ = self.said.rpartition("\n")
        lines = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]


def is_alive(pid: int) -> bool:
    """Return whether the process runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}
