# SPDX-License-Identifier: Apache-2.0
"""``kagimori-token`` on a device of a test's own: typed at a pseudo-terminal, read from it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pexpect

from support.phones import token_authority as theirs
from support.phones.software_tokens import PASSPHRASE

Terminal = pexpect.spawn  # of str

LEAVES_THE_SCREEN = "\x1b[?1049l"
ENTERS_THE_SCREEN = "\x1b[?1049h"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PATIENCE = 60
SECRETS = (theirs.ACTIVATION_PASSWORD, PASSPHRASE)


@dataclass(frozen=True)
class App:
    """The app on one device; what it shows is kept in ``log``."""

    home: Path
    log: io.StringIO = field(default_factory=io.StringIO)
    terminals: list[Terminal[str]] = field(default_factory=list)

    def environment(self, **changes: str) -> dict[str, str]:
        path = [p for p in sys.path if p]
        usual = {
            "KAGIMORI_TOKEN_HOME": str(self.home),
            "LANG": "ja_JP.UTF-8",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": ":".join(path),
            "PYTHONUTF8": "1",
            "TERM": "xterm-256color",
        }
        return usual | changes

    def at_a_terminal(self, *arguments: str, **environment: str) -> Terminal[str]:
        terminal = pexpect.spawn(
            sys.executable,
            ["-m", "kagimori_client.token", *arguments],
            env=self.environment(**environment),
            encoding="utf-8",
            timeout=PATIENCE,
            dimensions=(24, 80),
        )
        terminal.logfile_read = self.log
        self.terminals.append(terminal)
        return terminal

    def in_a_script(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "kagimori_client.token", *arguments]
        return subprocess.run(
            command,
            input=typed,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def shown(self) -> str:
        return self.log.getvalue()


@contextmanager
def device(home: Path) -> Iterator[App]:
    """Give the app a home; nothing secret may have been shown when the block ends."""
    home.mkdir()
    mine = App(home)
    yield mine
    for terminal in mine.terminals:
        terminal.close(force=True)
    assert not [secret for secret in SECRETS if secret in mine.shown]
    assert "Traceback" not in mine.shown


def answer(terminal: Terminal[str], question: str, typed: str, *, hidden: bool = False) -> None:
    terminal.expect_exact(question)
    if hidden:
        terminal.waitnoecho()
    terminal.sendline(typed)


def ended(terminal: Terminal[str]) -> int | None:
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus


def plain(text: str) -> str:
    return _ESCAPES.sub("", text)
