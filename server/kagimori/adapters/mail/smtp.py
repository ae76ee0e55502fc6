# SPDX-License-Identifier: Apache-2.0
"""Letters handed to a mail server: one conversation each (RFC 5321)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aiosmtplib import (
    SMTP,
    SMTPConnectError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from kagimori.adapters.mail.message import mailbox, message
from kagimori.application.notification.ports import Carried, Fate, Mail
from kagimori.domain.errors import InvalidField

# Refusals that are about us, not about the letter: a session in the wrong order, a
# host that takes no mail, credentials or TLS that are missing (RFC 4954 §6,
# RFC 7504 §3). Once they are mended, the letters still have to go out.
_ABOUT_US: Final = frozenset({500, 502, 503, 521, 530, 534, 535, 538})

_BEFORE_THE_LETTER: Final = 5
"""How many of its longest waits a server may take before the letter is sent."""

_LOGINS: Final = {
    "plain": SMTP.auth_plain,
    "login": SMTP.auth_login,
    "cram-md5": SMTP.auth_crammd5,
}

_LETTER_REFUSED: Final = (SMTPSenderRefused, SMTPRecipientRefused, SMTPDataError)


class Tls(StrEnum):
    """How a conversation is kept private."""

    STARTTLS = "starttls"
    """RFC 3207; a server that does not offer it gets no letter."""
    IMPLICIT = "implicit"
    """TLS from the first octet (RFC 8314 §3.3)."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Login:
    """What a mail server knows us by (RFC 4954)."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters go. Times are in seconds.

    ``hello`` is our name in EHLO. ``wait`` is for one answer of the server,
    ``final_wait`` for its word on a letter that it has whole: giving up there
    means sending the letter again, so RFC 5321 §4.5.3.2.6 asks for 10 minutes.
    """

    host: str
    port: int
    tls: Tls
    trust: ssl.SSLContext
    hello: str
    login: Login | None = None
    wait: float = 30.0
    final_wait: float = 600.0


class SmtpCarrier:
    """A mail server as the application's `MailCarrier`."""

    def __init__(self, server: MailServer) -> None:
        """Take where the letters go; nothing is connected yet."""
        self._server = server
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def longest(self) -> float:
        """See `MailCarrier.longest`."""
        return self._server.wait * _BEFORE_THE_LETTER + self._server.final_wait

    async def carry(self, mail: Mail) -> Carried:
        """See `MailCarrier.carry`."""
        try:
            octets, recipient = message(mail), mailbox(mail.recipient)
        except (InvalidField, ValueError):
            return Carried(Fate.UNDECIDED, "no header value", reached=False)
        return await self._converse(_client(self._server), mail.sender, recipient, octets)

    async def close(self) -> None:
        """Wait until the conversations that are over have been ended politely."""
        await asyncio.gather(*self._leaving)

    async def _converse(self, client: SMTP, sender: str, recipient: str, octets: bytes) -> Carried:
        reached = False
        try:
            async with asyncio.timeout(self._server.wait * _BEFORE_THE_LETTER):
                await _greet(client, self._server)
                reached = True
                await client.mail(sender)
                await client.rcpt(recipient)
            async with asyncio.timeout(self._server.final_wait):
                code = (await client.data(octets, timeout=None)).code
        except _LETTER_REFUSED as refusal:
            code = refusal.code
        except (SMTPException, OSError) as trouble:
            client.close()
            return Carried(Fate.UNDECIDED, _word(trouble), reached)
        self._leave(client)
        return _verdict(code)

    def _leave(self, client: SMTP) -> None:
        """End the conversation without anybody waiting for it: the letter is what counts."""
        task = asyncio.create_task(_quit(client))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


class _NoLogin(SMTPException):
    """The server offers no way to log in that we know."""


class _NoTls(SMTPException):
    """The server does not offer STARTTLS."""


def _client(server: MailServer) -> SMTP:
    return SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=server.hello,
        timeout=server.wait,
        use_tls=server.tls is Tls.IMPLICIT,
        start_tls=False,
        tls_context=server.trust,
    )


async def _greet(client: SMTP, server: MailServer) -> None:
    await client.connect()
    await client.ehlo()
    if server.tls is Tls.STARTTLS:
        if not client.supports_extension("starttls"):
            raise _NoTls("no STARTTLS")
        await client.starttls()
        # What was offered in the clear counts no more (RFC 3207 §4.2).
        await client.ehlo()
    if server.login is not None:
        await _log_in(client, server.login)


async def _log_in(client: SMTP, login: Login) -> None:
    """Try the first way that the server offers, once: tries of a password are counted."""
    for name, way in _LOGINS.items():
        if name in client.server_auth_methods:
            await way(client, login.user, login.password)
            return
    raise _NoLogin("no login")


async def _quit(client: SMTP) -> None:
    try:
        if client.is_connected:
            await client.quit()
    except (SMTPException, OSError):
        pass  # it is over either way
    finally:
        client.close()


def _verdict(code: int) -> Carried:
    """Return what the server's answer to MAIL, RCPT or the letter itself means (§4.2.1)."""
    if 200 <= code < 300:  # noqa: PLR2004 - SMTP's own
        return Carried(Fate.ACCEPTED, str(code))
    if 500 <= code < 600 and code not in _ABOUT_US:  # noqa: PLR2004 - SMTP's own
        return Carried(Fate.REFUSED, str(code))
    return Carried(Fate.UNDECIDED, str(code))


def _word(trouble: BaseException) -> str:
    """Return what went wrong, never in the server's words."""
    kinds = list(_chain(trouble))
    if isinstance(trouble, SMTPResponseException):
        return str(trouble.code)
    if any(isinstance(kind, _NoTls | ssl.SSLError) for kind in kinds):
        return "no TLS"
    if isinstance(trouble, TimeoutError):
        return "time-out"
    if isinstance(trouble, SMTPConnectError):
        return "no connection"
    if isinstance(trouble, _NoLogin):
        return "no login"
    return "connection lost"


def _chain(trouble: BaseException | None) -> Iterator[BaseException]:
    while trouble is not None:
        yield trouble
        trouble = trouble.__cause__
