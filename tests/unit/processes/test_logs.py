# SPDX-License-Identifier: Apache-2.0
"""One JSON line an event, written without holding up whoever logs."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kagimori.processes.logs import EventWriter

LOGS = """
import logging, os, sys
import structlog
from kagimori.config import LogSection
from kagimori.processes import logs
logs.configure(LogSection(format=sys.argv[1]), *map(int, sys.argv[3:]))
log = structlog.get_logger("a")
log.debug("too little")
log.info("first", wert="受付", number=7)
try:
    raise ValueError("755224")
except ValueError:
    logging.getLogger("grpc").exception("broke: %s\\nwith 755224", "755224")
log.warning("last")
if sys.argv[2] == "at once":
    logs.write_out()
    os._exit(0)
"""


def logged(shape: str, end: str, *worker: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LOGS, shape, end, *worker],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def entries(octets: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in octets.splitlines()]


@pytest.mark.parametrize("end", ["python", "at once"])
def test_one_json_object_a_line_up_to_the_last(end: str) -> None:
    first, library, last = entries(logged("json", end).encode())
    assert first.pop("timestamp").endswith("Z")
    assert first == {"event": "first", "level": "info", "wert": "受付", "number": 7}
    assert (library["library"], library["error"]) == ("grpc", "ValueError")
    assert (last["event"], last["level"]) == ("last", "warning")


@pytest.mark.parametrize("shape", ["json", "console"])
def test_a_library_is_not_let_quote_values(shape: str) -> None:
    told = logged(shape, "python")
    assert "broke" in told
    assert "755224" not in told
    assert "Traceback" not in told


def test_a_line_says_which_worker_wrote_it() -> None:
    assert {entry["worker"] for entry in entries(logged("json", "python", "4711").encode())} == {
        4711
    }


def test_a_pipe_that_nobody_reads_holds_up_nobody(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    writer = EventWriter(writing, most_waiting=10)
    for number in range(1000):
        writer.write("info", "x" * 100, {"number": number})
    read: list[bytes] = []

    def drain() -> None:
        while octets := os.read(reading, 65536):
            read.append(octets)
            if b"log dropped" in octets:
                return

    thread = threading.Thread(target=drain)
    thread.start()
    writer.close()
    thread.join()
    told = entries(b"".join(read))
    dropped = sum(entry["events"] for entry in told if entry["event"] == "log dropped")
    numbers = [entry["number"] for entry in told if "number" in entry]
    assert dropped > 0
    assert len(numbers) + dropped == 1000
    assert numbers == sorted(numbers)


def test_what_json_cannot_hold_does_not_end_the_log(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = EventWriter(writing)
    writer.write("info", "first", {"wert": "\ud800"})
    writer.write("info", "second", {})
    writer.close()
    first, second = entries(os.read(reading, 65536))
    assert (first["event"], first["unwritable"]) == ("first", ["wert"])
    assert second["event"] == "second"


def test_the_writer_takes_no_signal(pipe: tuple[int, int]) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    known = set(Path("/proc/self/task").iterdir())
    writer = EventWriter(pipe[1])
    (task,) = set(Path("/proc/self/task").iterdir()) - known
    status = dict(
        line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line
    )
    blocked = int(status["SigBlk"], 16)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        assert blocked >> (number - 1) & 1
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    writer.close()
