# SPDX-License-Identifier: Apache-2.0
"""A worker that serves nobody: it does what a test's script says, and keeps a history.

Beside the configuration lie ``script``, one word a line, of which each start
takes the first (the last one stays for ever), and ``history``, to which every
event is added as ``EVENT PID``. Standard library only, so that it starts in no
time.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

REFUSED, LOGIN_REFUSED, CRASHED = 78, 77, 3
_SLOW = 1.0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path)
    parser.add_argument("--line", type=int)
    arguments = parser.parse_args()
    place = arguments.config.parent
    word = next_word(place / "script")
    Worker(place / "history", socket.socket(fileno=arguments.line)).play(word)
    return {"refuse": REFUSED, "login": LOGIN_REFUSED, "crash": CRASHED}.get(word, 0)


def next_word(script: Path) -> str:
    with script.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        first, *others = file.read().split()
        if others:
            file.seek(0)
            file.truncate()
            file.write("\n".join(others))
        return first


class Worker:
    def __init__(self, history: Path, line: socket.socket) -> None:
        self._history = history
        self._line = line

    def play(self, word: str) -> None:
        self.note("started")
        if word in {"refuse", "login"}:
            sys.stderr.write("kagimori: the script says no\n")
        elif word == "silent":
            time.sleep(3600)
        elif word != "crash":
            time.sleep(_SLOW if word == "slow" else 0)
            self.serve(word)
        self.note("ended")

    def serve(self, word: str) -> None:
        wake, woken = socket.socketpair()
        wake.settimeout(0)
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.set_wakeup_fd(wake.fileno())
        self.note("serving")
        self._line.send(b"serving\n")
        if word in {"recycle", "hung"}:
            self._line.send(f"{word}\n".encode())
        if word == "brief":
            return
        ready, _, _ = select.select([self._line, woken], [], [])
        self.note("terminated" if woken in ready else self.heard())

    def heard(self) -> str:
        return {b"retire\n": "retired", b"": "orphaned"}[self._line.recv(64)]

    def note(self, event: str) -> None:
        with self._history.open("a") as file:
            file.write(f"{event} {os.getpid()}\n")


if __name__ == "__main__":
    sys.exit(main())
