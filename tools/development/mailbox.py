# SPDX-License-Identifier: Apache-2.0
"""The customers' mail server: a real one, that keeps what arrives."""

from __future__ import annotations

import threading
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from development.environment import free_port


class Mailbox:
    """A mail server on the loopback. Use it as a context manager."""

    def __init__(
        self, port: int | None = None, read: Callable[[EmailMessage], None] = lambda _: None
    ) -> None:
        """Listen at ``port``, or a free one, from `__enter__` on; ``read`` is given each letter."""
        self.port = port or free_port()
        self._read = read
        self._letters: list[EmailMessage] = []
        self._arrived = threading.Condition()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._controller.stop()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        """Keep a letter."""
        letter = message_from_bytes(cast("bytes", envelope.content), policy=policy.default)
        with self._arrived:
            self._letters.append(letter)
            self._arrived.notify_all()
        self._read(letter)
        return "250 kept"

    def letters_to(self, address: str) -> list[EmailMessage]:
        """Return what has arrived for ``address``."""
        with self._arrived:
            return self._to(address)

    def wait_for(self, address: str, letters: int = 1, seconds: float = 20.0) -> EmailMessage:
        """Return the newest letter to ``address`` once there are ``letters``; or TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._to(address)) >= letters, seconds):
                raise TimeoutError("no letter has arrived")
            return self._to(address)[-1]

    def _to(self, address: str) -> list[EmailMessage]:
        return [letter for letter in self._letters if letter["To"] == address]
