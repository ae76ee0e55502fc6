# SPDX-License-Identifier: Apache-2.0
"""The real ``kagimori mail`` in a process of its own, and what it may be killed at."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from contracts.notification.outbox_bench import OutboxBench
from development import environment
from development.environment import ROOT
from kagimori import config
from kagimori.adapters.mail.smtp import MailServer, SmtpCarrier, Tls
from kagimori.adapters.sql.outbox import SqlOutbox
from kagimori.application.notification.send_letters import Report, SendLetters
from support.databases.database import AnyDatabase, TestDatabase
from support.processes.calls import eventually
from support.waiting import waited

PATIENCE = 60.0
SHORT = "seconds = 1.0\nfinal_seconds = 1.0\n"
"""Waits of a server that is to be given up soon."""

_KILLED = """
import os, signal, sys
from pathlib import Path
from kagimori.adapters.mail.smtp import SmtpCarrier
from kagimori.adapters.sql.outbox import SqlOutbox
from kagimori.processes import mail

async def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def die_at_once(*_):
    os.kill(os.getpid(), signal.SIGKILL)

match sys.argv[2]:
    case "claimed":
        SmtpCarrier.carry = die
    case "accepted":
        SqlOutbox.sent = die
    case "written down":
        mail._tell = die_at_once
mail.main(Path(sys.argv[1]), once=True)
"""


class Post:
    """An authority's database and configuration, as far as letters need them."""

    def __init__(
        self, directory: Path, address: str, mail: str = "", database: AnyDatabase | None = None
    ) -> None:
        """``address`` is the mail server's; ``mail`` is more of its section."""
        place = environment.prepare(directory)
        self.config = place.config
        self._address = address
        self.database = database or TestDatabase(directory)
        self._write_config(directory, address, mail)
        _write_record(directory, environment.service_ids())
        self.outbox = OutboxBench(self.database)
        self.apply(ROOT / "config" / "tenants.toml")

    def apply(self, tenants: Path) -> None:
        """Put the tenants of a file in force, as an administrator's process would."""
        for name, section in config.read_tenants(tenants).items():
            self.database.run(
                "INSERT INTO tenants VALUES (?, ?, ?, 1, 1, 'a test')"
                " ON CONFLICT (service_id) DO UPDATE SET policy = excluded.policy",
                section.service_id,
                name,
                section.text(),
            )

    def run(self, *options: str) -> Mailing:
        return Mailing([*environment.command("mail", "--config", self.config), *options])

    def once(self) -> Mailing:
        """Send what is due; return when that has ended."""
        with self.run("--once") as ended:
            ended.wait()
        return ended

    def send_here(self) -> list[Report]:
        """Send what is due as a second process would, without the second it takes to start."""
        host, _, port = self._address.rpartition(":")
        trust = ssl.create_default_context()
        carrier = SmtpCarrier(MailServer(host, int(port), Tls.NONE, trust, "auth.bank.example"))
        policies = config.load_tenants(ROOT / "config" / "tenants.toml").values()
        letters = SendLetters(
            SqlOutbox(self.database.open()),
            carrier,
            {policy.service_id: policy for policy in policies},
        )
        return waited(_all_due(letters, carrier))

    def killed(self, point: str) -> None:
        """Send what is due, and die by SIGKILL once a letter is at ``point``."""
        with Mailing([sys.executable, "-c", _KILLED, str(self.config), point]) as dying:
            assert dying.wait() == -signal.SIGKILL, dying.said

    def close(self) -> None:
        self.database.close()

    def _write_config(self, directory: Path, address: str, mail: str) -> None:
        text, _, _ = self.config.read_text().partition("[mail]")
        url = f"sqlite:///{directory.resolve()}/kagimori.db"
        assert url in text
        text = text.replace(url, self.database.url)
        self.config.write_text(f'{text}\n[mail]\nserver = "{address}"\ntls = "none"\n{mail}')


Posts = Callable[..., Post]


class Mailing:
    """The process and what it says; a context manager that leaves nothing behind."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self.said = ""
        self._has_ended = False

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def until_it_sends(self) -> None:
        """Return when it is ready."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if '"event":"sending"' in line:
                return
        raise AssertionError(self.said)

    def ask_to_end(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for its end; return its exit code."""
        if not self._has_ended:
            said, _ = self.process.communicate(timeout=PATIENCE)
            self.said += said
            self._has_ended = True
        return self.process.returncode

    @property
    def letters(self) -> list[dict[str, Any]]:
        """The log's lines about letters."""
        lines = [json.loads(line) for line in self.said.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == "letter"]


async def _all_due(letters: SendLetters, carrier: SmtpCarrier) -> list[Report]:
    reports = []
    while (report := await letters.next()) is not None:
        reports.append(report)
    await carrier.close()
    return reports


def until_state(post: Post, state: str) -> None:
    """Wait until all letters are in ``state``."""
    eventually(lambda: {row["state"] for row in post.outbox.rows()} == {state})


def _write_record(directory: Path, service_ids: list[str]) -> None:
    """Write a ceremony's record of keys that nobody will ask for."""
    canaries = [
        {
            "tenant": service_id,
            "key_version": 1,
            "blob": "00" * 28,
            "challenge": "00" * 8,
            "response": "00" * 20,
        }
        for service_id in service_ids
    ]
    record = directory / "hsm" / "ceremony.json"
    record.parent.mkdir(exist_ok=True)
    record.write_text(json.dumps({"canaries": canaries}))
