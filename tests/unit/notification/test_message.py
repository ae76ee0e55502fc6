# SPDX-License-Identifier: Apache-2.0
"""A letter as an Internet message, read back by Python's own parser."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtplib.email import quote_address
from hypothesis import given
from hypothesis import strategies as st

from kagimori.adapters.mail.message import mailbox, message
from kagimori.application.notification.ports import Mail
from kagimori.domain.enrollment import mail_address
from kagimori.domain.errors import InvalidField

MAIL = Mail(
    message_id="<0192b3c4-5d6e-7f80-9123-456789abcdef@auth.bank.example>",
    written_at=datetime(2026, 2, 1, 0, 30, tzinfo=ZoneInfo("Asia/Tokyo")),
    sender="no-reply@auth.bank.example",
    sender_name="熊本県信用組合, 認証センター",
    recipient="hanako@customer.example",
    subject="トークン発行のご案内" * 8,
    body="サービスID: 10112231\n.\nFrom now on\n",
)


def read(octets: bytes) -> EmailMessage:
    return message_from_bytes(octets, policy=policy.default)


def test_it_says_who_wrote_what_to_whom_and_when() -> None:
    written = read(message(MAIL))
    (sender,) = written["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (MAIL.sender_name, MAIL.sender)
    assert [each.addr_spec for each in written["To"].addresses] == [MAIL.recipient]
    assert written["Subject"] == MAIL.subject
    assert written["Date"] == "Sun, 01 Feb 2026 00:30:00 +0900"
    assert written["Message-ID"] == MAIL.message_id


def test_nobody_s_holiday_notice_answers_it() -> None:
    assert read(message(MAIL))["Auto-Submitted"] == "auto-generated"


def test_the_text_comes_back_as_it_was() -> None:
    written = read(message(MAIL))
    assert written.get_content_type() == "text/plain"
    assert written.get_content_charset() == "utf-8"
    assert written.get_content().replace("\r\n", "\n") == MAIL.body


def test_it_is_ascii_in_short_lines_that_end_in_crlf() -> None:
    octets = message(MAIL)
    assert octets.isascii()
    assert octets.count(b"\n") == octets.count(b"\r\n") == octets.count(b"\r")
    # A Message-ID is not to be broken.
    lines = [line for line in octets.split(b"\r\n") if not line.startswith(b"Message-ID:")]
    assert max(map(len, lines)) <= 78


def test_the_same_letter_is_the_same_octets() -> None:
    assert message(MAIL) == message(MAIL)


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("hanako@docomo.example", "hanako@docomo.example"),
        ("ha.na.ko@docomo.example", "ha.na.ko@docomo.example"),
        ("a..b.@docomo.example", '"a..b."@docomo.example'),
        (".a@docomo.example", '".a"@docomo.example'),
        ("a.@docomo.example", '"a."@docomo.example'),
        ("!#$%&'*+-/=?^_`{|}~@docomo.example", "!#$%&'*+-/=?^_`{|}~@docomo.example"),
    ],
)
def test_dots_in_odd_places_are_quoted_and_name_the_same_mailbox(
    address: str, written: str
) -> None:
    assert mailbox(address) == written
    local, _, domain = address.rpartition("@")
    (to,) = read(message(replace(MAIL, recipient=address)))["To"].addresses
    assert (to.username, to.domain) == (local, domain)


@pytest.mark.parametrize("part", ["message_id", "sender", "sender_name", "recipient", "subject"])
@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r"])
def test_no_header_can_be_smuggled_in(part: str, line_break: str) -> None:
    changes: dict[str, Any] = {part: getattr(MAIL, part) + f"{line_break}Bcc: x@evil.example"}
    with pytest.raises((ValueError, InvalidField)):
        message(replace(MAIL, **changes))


@pytest.mark.parametrize("part", ["subject", "sender_name"])
@pytest.mark.parametrize("letter", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\0"])
def test_no_control_character_is_in_a_header(part: str, letter: str) -> None:
    changes: dict[str, Any] = {part: f"a{letter}Bcc: x@evil.example"}
    with pytest.raises(ValueError, match="one line"):
        message(replace(MAIL, **changes))


@pytest.mark.parametrize("part", ["subject", "sender_name"])
def test_words_that_look_encoded_stay_words(part: str) -> None:
    """Python's own parser would decode them, and write the line break that is in them."""
    changes: dict[str, Any] = {part: "=?utf-8?q?a=0D=0ABcc=3A_x=40evil.example?="}
    octets = message(replace(MAIL, **changes))
    assert b"\r\nBcc" not in octets
    assert [line for line in octets.split(b"\r\n") if line.lower().startswith(b"bcc")] == []


@pytest.mark.parametrize(
    "local", ["=?utf-8?q?hanako?=", "=?utf-8?q?=0D=0ABcc=3Ax=40evil.example?="]
)
def test_an_address_that_looks_encoded_stays_that_address(local: str) -> None:
    octets = message(replace(MAIL, recipient=f"{local}@customer.example"))
    assert f"\r\nTo: {mailbox(f'{local}@customer.example')}\r\n".encode() in octets
    assert b"\r\nBcc" not in octets


LOCAL_PARTS = st.text(
    string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{|}~.-", min_size=1, max_size=64
)


@given(local=LOCAL_PARTS)
def test_every_address_that_is_taken_stands_in_header_and_envelope_as_it_is(local: str) -> None:
    address = mail_address(f"{local}@customer.example")
    written = mailbox(address)
    assert written.replace('"', "") == address
    assert f"\r\nTo: {written}\r\n".encode() in message(replace(MAIL, recipient=address))
    assert quote_address(written) == f"<{written}>"
