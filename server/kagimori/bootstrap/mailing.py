# SPDX-License-Identifier: Apache-2.0
"""The process that sends letters. It opens no HSM."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kagimori.adapters.mail.smtp import Login, MailServer, SmtpCarrier, Tls
from kagimori.adapters.sql.outbox import SqlOutbox
from kagimori.adapters.sql.tenants import SqlTenants
from kagimori.application.notification.send_letters import SendLetters
from kagimori.bootstrap.parts import opened_database
from kagimori.bootstrap.refusals import StartError
from kagimori.bootstrap.tenants import LiveTenants
from kagimori.config import Config, MailSection


@dataclass(frozen=True, slots=True)
class MailAuthority:
    """What a mail process is made of.

    ``letters`` go by the rules that ``tenants`` has: it must have begun.
    """

    letters: SendLetters
    carrier: SmtpCarrier
    tenants: LiveTenants


@contextmanager
def mailing(config: Config) -> Iterator[MailAuthority]:
    """Open what the mail process needs; close it when the block is left.

    Raises `ConfigError` or `StartError`.
    """
    if config.mail is None:
        raise StartError("mail: needed to send letters")
    carrier = SmtpCarrier(_server(config.mail))
    with opened_database(config) as database:
        tenants = LiveTenants(SqlTenants(database), None)
        letters = SendLetters(SqlOutbox(database), carrier, tenants)
        yield MailAuthority(letters, carrier, tenants)


def _server(section: MailSection) -> MailServer:
    return MailServer(
        section.host,
        section.port,
        Tls(section.tls),
        _trust(section.ca),
        section.own_name,
        _login(section),
        section.seconds,
        section.final_seconds,
    )


def _trust(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except OSError as error:
        raise StartError(f"mail.ca: {error.strerror or 'not a PEM file'}: {ca}") from None


def _login(section: MailSection) -> Login | None:
    secret = section.secret()
    if secret is None or section.user is None:
        return None
    return Login(section.user, secret.get_secret_value())
