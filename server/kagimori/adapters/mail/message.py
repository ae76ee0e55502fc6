# SPDX-License-Identifier: Apache-2.0
"""A letter as an Internet message (RFC 5322)."""

from __future__ import annotations

import re
import unicodedata
from email.header import Header
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime
from typing import Final

from kagimori.application.notification.ports import Mail
from kagimori.domain.enrollment import mail_address

# The library's newer policies read a header before they write it, and decode what
# looks encoded: a name, even an address, could bring a line break in.
_WIRE: Final = compat32.clone(linesep="\r\n")

_DOT_ATOM: Final = re.compile(r"[^.]+(?:\.[^.]+)*")
_MESSAGE_ID: Final = re.compile(r"<[A-Za-z0-9-]+@[A-Za-z0-9.-]+>")
_SEPARATORS: Final = frozenset({"Cc", "Zl", "Zp"})


def message(mail: Mail) -> bytes:
    """Return ``mail`` as it goes over the wire, lines ended by CRLF.

    The same mail gives the same octets. Raises `ValueError` (`InvalidField` for
    an address) where something is no header value: a line break in it, say.
    """
    # Base64 whatever is in it, of lines that end in CRLF (RFC 2046 §4.1.1).
    text = "\r\n".join(mail.body.splitlines()) + "\r\n"
    written = MIMEText(text, "plain", "utf-8", policy=_WIRE)
    written["From"] = _named(mail.sender_name, mail.sender).encode()
    written["To"] = mailbox(mail.recipient)
    written["Subject"] = _words(mail.subject).encode()
    written["Date"] = format_datetime(mail.written_at)
    written["Message-ID"] = _name(mail.message_id)
    # Nobody's holiday notice answers it (RFC 3834 §5).
    written["Auto-Submitted"] = "auto-generated"
    return written.as_bytes(policy=_WIRE)


def mailbox(address: str) -> str:
    """Return ``address`` as RFC 5321 §4.1.2 has it written, or raise `InvalidField`.

    Carriers gave out local parts with dots where a dot-atom has none: they are
    quoted, and name the same mailbox.
    """
    local, _, domain = mail_address(address).rpartition("@")
    return address if _DOT_ATOM.fullmatch(local) else f'"{local}"@{domain}'


def _named(name: str, address: str) -> Header:
    header = _words(name)
    header.append(f"<{mailbox(address)}>", "us-ascii")
    return header


def _words(text: str) -> Header:
    """Return ``text`` in encoded words throughout (RFC 2047)."""
    if any(unicodedata.category(letter) in _SEPARATORS for letter in text):
        raise ValueError("a header is one line, without control characters")
    return Header(text, "utf-8", header_name="Subject")


def _name(message_id: str) -> str:
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("not a Message-ID")
    return message_id
