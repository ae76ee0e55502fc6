# SPDX-License-Identifier: Apache-2.0
"""A real mail server that does, once each, what a test tells it to do."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import Enum
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from development.certificates import Identity
from development.environment import free_port
from support.processes.calls import eventually


class Deed(Enum):
    """What a server does instead of answering."""

    HANG = "HANG"
    CLOSE = "CLOSE"


Answer = str | Deed | Callable[[], str]
"""A reply, a deed, or what is called (in a thread) to get the reply."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A letter as the server took it."""

    sender: str | None
    recipients: list[str]
    letter: EmailMessage
    over_tls: bool
    user: bytes | None


class MailServer:
    """Takes every letter, but for what `then` says. Use it as a context manager."""

    def __init__(
        self,
        identity: Identity | None = None,
        *,
        implicit: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        """With an ``identity`` it offers STARTTLS, or speaks TLS from the first octet."""
        self.port = free_port()
        self.arrived: list[Arrived] = []
        self.conversations = 0
        self.logins = 0
        self._login = login
        self._deeds: dict[str, deque[Answer]] = defaultdict(deque)
        context = None if identity is None else _context(identity)
        options: dict[str, Any] = {"hostname": "127.0.0.1", "port": self.port}
        if implicit:
            options["ssl_context"] = context
        elif context is not None:
            options |= {"tls_context": context, "require_starttls": True}
        if login is not None:
            options |= {"authenticator": self._authenticate, "auth_required": True}
        self._controller = _Controller(self, **options)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def then(self, stage: str, *answers: Answer) -> None:
        """Let the next answers at ``stage`` be so: EHLO, MAIL, RCPT, DATA or 354.

        DATA is the answer to the whole letter, 354 the one to the command.
        """
        self._deeds[stage].extend(answers)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def wait_for(self, letters: int) -> list[Arrived]:
        eventually(lambda: len(self.arrived) >= letters)
        return self.arrived

    async def asked(self, server: SMTP, stage: str) -> str | None:
        """Do what is to be done at ``stage``; None where nothing was said about it."""
        if not self._deeds[stage]:
            return None
        deed = self._deeds[stage].popleft()
        if deed is Deed.HANG:
            await asyncio.Event().wait()
        if deed is Deed.CLOSE:
            _transport(server).abort()
            return "421 nobody reads it"
        return await asyncio.to_thread(deed) if callable(deed) else str(deed)

    async def handle_EHLO(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, _envelope: Envelope, host: str, replies: list[str]
    ) -> list[str]:
        self.conversations += 1
        session.host_name = host
        answer = await self.asked(server, "EHLO")
        return replies if answer is None else [answer]

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self.asked(server, "MAIL")
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return answer or "250 OK"

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = await self.asked(server, "RCPT")
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        answer = await self.asked(server, "DATA")
        if answer is None or answer.startswith("2"):
            self.arrived.append(_arrived(server, session, envelope))
        return answer or "250 taken"

    def _authenticate(
        self,
        _server: SMTP,
        _session: Session,
        _envelope: Envelope,
        _method: str,
        data: Any,  # noqa: ANN401 - the library's
    ) -> AuthResult:
        self.logins += 1
        assert isinstance(data, LoginPassword)
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self._login, handled=False, auth_data=data)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Smtp(self.handler, **self.SMTP_kwargs)


class _Smtp(SMTP):
    """The library's server, that can leave in the middle of a letter."""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - the library's name
        answer = await self.event_handler.asked(self, "354")
        if answer is None:
            await super().smtp_DATA(arg)
        elif answer.startswith("3"):
            await self.push(answer)
            _transport(self).close()
        else:
            await self.push(answer)


def _transport(server: SMTP) -> asyncio.Transport:
    assert isinstance(server.transport, asyncio.Transport)
    return server.transport


def _arrived(server: SMTP, session: Session, envelope: Envelope) -> Arrived:
    content = envelope.content
    assert isinstance(content, bytes)
    login = session.auth_data
    return Arrived(
        envelope.mail_from,
        list(envelope.rcpt_tos),
        message_from_bytes(content, policy=policy.default),
        _transport(server).get_extra_info("sslcontext") is not None,
        login.login if isinstance(login, LoginPassword) else None,
    )


def _context(identity: Identity) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.certificate, identity.private_key)
    return context
