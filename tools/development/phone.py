# SPDX-License-Identifier: Apache-2.0
"""The phone of a customer whose bank issues his token: the app is set up from a letter.

oathtool and openssl, which are told the seeds that the phone drew, show what it shows.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from development import oathtool, openssl_ocra
from development.environment import environment_variables
from development.vendor import Device
from kagimori_client.token import AuthorityProfile, SoftwareToken

PASSPHRASE: Final = "correct horse battery"
PERIOD: Final = 60
TITLE: Final = "取引確認\n"
"""What the app prints above a transaction."""


@dataclass(slots=True)
class Phone:
    """``drawn`` is what its random generator gave: the seed of logins, and that of signatures."""

    profile: AuthorityProfile
    file: Path
    drawn: list[bytes] = field(default_factory=list, repr=False)
    app: SoftwareToken | None = None

    def set_up(self, service_id: str, user_id: str, password: str) -> SoftwareToken:
        """Type the three into the app."""
        self.drawn.clear()
        self.app = SoftwareToken.set_up(
            self.profile,
            service_id=service_id,
            user_id=user_id,
            activation_password=password,
            file=self.file,
            passphrase=PASSPHRASE,
            draw=self._draw,
        )
        return self.app

    def code(self, steps: int = 0) -> str:
        """Return what the app shows, or will show ``steps`` later."""
        return self._ready().code(time.time() + steps * PERIOD)

    def agrees(self, digits: int) -> bool:
        """Return whether oathtool shows the same over some steps, for the seed that was drawn."""
        device = Device("PHONE", self.drawn[0], digits=digits, period=PERIOD)
        now = time.time()
        return all(
            oathtool.time_code(device, now, steps) == self.code(steps) for steps in range(-2, 3)
        )

    def sign(self, text: str) -> str:
        """Return the code that the app shows over what it has scanned."""
        app = self._ready()
        return app.sign(app.read_transaction(text))

    def sign_typed(self, account: str, amount: str, seconds: float = 0) -> str:
        """Return the code over what is typed now, or will be ``seconds`` later."""
        return self._ready().sign_typed(account, amount, time.time() + seconds)

    def openssl_signs(self, text: str) -> str:
        """Return what openssl makes of the same text."""
        return openssl_ocra.code_of_text(self.drawn[1], text)

    def openssl_signs_typed(self, account: str, amount: str, at: float) -> str:
        """Return what openssl makes of what was typed ``at`` a time."""
        return openssl_ocra.code_of_typed(self.drawn[1], account + amount, at)

    def _ready(self) -> SoftwareToken:
        if self.app is None:
            raise RuntimeError("the app is not set up")
        return self.app

    def _draw(self, octets: int) -> bytes:
        self.drawn.append(secrets.token_bytes(octets))
        return self.drawn[-1]


@dataclass(frozen=True, slots=True)
class Screen:
    """What the app in a terminal has shown: the transaction, and its code."""

    shown: str
    code: str = field(repr=False)


def new_phone(profile: AuthorityProfile, home: Path) -> Phone:
    """Return a phone whose token is where ``kagimori-token`` looks for it, under ``home``."""
    directory = home / "tokens"
    directory.mkdir(parents=True)
    return Phone(profile, directory / "1.json")


def sign_at_a_terminal(phone: Phone, typed: str, *options: str) -> Screen:
    """Have ``kagimori-token sign`` show a transaction and say yes to it.

    ``typed`` is the QR code's text, or with ``--typed`` what is typed, a line each.
    """
    home = str(phone.file.parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "kagimori_client.token", "--lang=ja", "sign", "--yes", *options],
        input=f"{PASSPHRASE}\n{typed}",
        env=environment_variables(KAGIMORI_TOKEN_HOME=home, PYTHONUTF8="1", COLUMNS="80"),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    # Where nobody types, questions have no answers behind them.
    _, title, shown = done.stderr.rpartition(TITLE)
    return Screen(f"{title}{shown}".strip(), done.stdout.strip())
