# SPDX-License-Identifier: Apache-2.0
"""Customers who sign what their bank carries out (取引確認), and requests about it as bytes."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Final
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from conftest import channel_of
from development.environment import environment_variables
from development.openssl_ocra import code_of_text, code_of_typed
from development.vendor import Device
from kagimori_client import BankChannel, SigningProfile, TransactionChallenge
from kagimori_client.signing import signature_request_of
from kagimori_client.transaction import Transaction
from races.arena import VENDOR, Arena
from races.asking import PATIENCE, SERVICE_ID, Signature
from races.codes import REACH
from support.custody.hsm import python_environment
from support.pages.transfers import transaction

_SEED_OCTETS: Final = 64
_PERIOD: Final = 30
"""Seconds of a time step of what is typed."""

_ENROLLED_TOGETHER: Final = 24

TRANSACTION: Final = transaction()


@dataclass(frozen=True)
class App:
    """A customer's token that signs; he is called as its serial is."""

    device: Device
    seed: bytes = field(repr=False)

    @property
    def serial(self) -> str:
        """Return its serial number, and its customer's."""
        return self.device.serial

    def code(self, challenge: TransactionChallenge, steps: int = 0) -> str:
        """Return what openssl makes of it; of what is typed, so many ``steps`` from now."""
        if challenge.text is not None:
            return code_of_text(self.seed, challenge.text)
        assert challenge.typed is not None
        typed = challenge.typed.account + challenge.typed.amount
        return code_of_typed(self.seed, typed, int(time.time()) + _PERIOD * steps)

    def wrong_codes(self, challenge: TransactionChallenge, count: int) -> list[str]:
        """Return codes that are none of it, neither now nor in the minutes around."""
        reach = 0 if challenge.text is not None else REACH + 2
        near = {self.code(challenge, steps) for steps in range(-reach, reach + 1)}
        every = (f"{number:08d}" for number in range(count + len(near)))
        return list(islice((code for code in every if code not in near), count))


@dataclass(frozen=True)
class TransferPage:
    """The bank's page, and its customers."""

    arena: Arena
    core: BankChannel
    _waiting: list[App] = field(default_factory=list, repr=False)

    def customers(self, count: int = 1) -> list[App]:
        """Return new ones, whose login codes are event-based."""
        if len(self._waiting) < count:
            self._waiting.extend(self.enrol(_ENROLLED_TOGETHER))
        return [self._waiting.pop() for _ in range(count)]

    def enrol(self, count: int, period: int = 0) -> list[App]:
        """Return new ones; ``period`` is that of their login codes."""
        devices = self.arena.enrol(count, period)
        apps = [App(device, secrets.token_bytes(_SEED_OCTETS)) for device in devices]
        key = self.arena.place.transport_key(VENDOR)
        delivered = {app.serial: aes_key_wrap_with_padding(key, app.seed).hex() for app in apps}
        where = str(self.arena.place.config), self.arena.site.direct
        done = subprocess.run(
            [sys.executable, "-m", "races.seeding", *where],
            input=json.dumps(delivered),
            env={
                **environment_variables(**self.arena.shim.environment),
                "PYTHONPATH": _python_path(),
            },
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return apps

    def challenge(
        self,
        app: App,
        profile: SigningProfile = SigningProfile.SCANNED,
        about: Transaction = TRANSACTION,
    ) -> TransactionChallenge:
        """Ask the customer to sign."""
        return self.core.create_transaction_challenge(
            about, subscriber_ref=app.serial, profile=profile, timeout=PATIENCE
        )

    def challenges(self, app: App, count: int) -> list[TransactionChallenge]:
        """Return challenges to be scanned, each of another code: eight digits can come again."""
        made: dict[str, TransactionChallenge] = {}
        while len(made) < count:
            challenge = self.challenge(app)
            made.setdefault(app.code(challenge), challenge)
        return list(made.values())


def signature(
    app: App,
    challenge: TransactionChallenge,
    code: str,
    request_id: UUID | None = None,
    about: Transaction = TRANSACTION,
) -> Signature:
    """Return the request about a code; without a ``request_id`` it gets a fresh one."""
    asked = signature_request_of(request_id or uuid4(), app.serial, challenge, about, code)
    return Signature(asked.SerializeToString())


@contextmanager
def transfer_page_of(arena: Arena) -> Iterator[TransferPage]:
    """Open the page of the arena's bank."""
    with channel_of(arena.place, SERVICE_ID) as core:
        yield TransferPage(arena, core)


def _python_path() -> str:
    """Return where a child finds the server under test, and the tests."""
    found = python_environment()["PYTHONPATH"]
    return ":".join([found, *(path for path in sys.path if path.endswith(("/tools", "/tests")))])
