# SPDX-License-Identifier: Apache-2.0
"""A customer's enrolment: what is remembered on the way to a software token."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from kagimori.domain.errors import InvalidField

_PASSWORD: Final = re.compile(r"[0-9]{4,8}")
_LOCAL_PART: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_LONGEST_ADDRESS: Final = 254
_USER_ID: Final = re.compile(r"[0-9]{12}")
_SERVICE_ID: Final = re.compile(r"[0-9]{8}")


class EnrollmentState(StrEnum):
    """What is kept of an enrolment; a token's own state says the rest."""

    ISSUED = "ISSUED"
    PROVISIONED = "PROVISIONED"
    RELEASED = "RELEASED"
    VOID = "VOID"


class LetterKind(StrEnum):
    """What a letter tells."""

    ISSUED = "ISSUED"
    """トークン発行のご案内."""
    REPLAYED = "REPLAYED"
    """A code was offered again after it had been accepted."""


class LetterState(StrEnum):
    """What became of a letter."""

    PENDING = "PENDING"
    SENT = "SENT"
    REFUSED = "REFUSED"


class ActivationPassword:
    """利用開始パスワード: 4 to 8 ASCII digits, which no repr shows."""

    __slots__ = ("_digits",)

    def __init__(self, text: str) -> None:
        """Take ``text`` exactly as typed, or raise `InvalidField`."""
        if not _PASSWORD.fullmatch(text):
            raise InvalidField("activation_password", "must be 4 to 8 ASCII digits")
        self._digits = text

    def __repr__(self) -> str:
        """Show no digit, and not how many there are."""
        return "ActivationPassword(…)"

    def reveal(self) -> str:
        """Return the digits, for the one check they are meant for."""
        return self._digits


def mail_address(text: str) -> str:
    """Return ``text`` if a letter can be addressed to it; else raise `InvalidField`.

    ASCII, as the banks' pages ask for it. Dots may stand anywhere in the local
    part: mobile carriers in Japan gave out addresses such as ``a..b.@`` that
    RFC 5321 §4.1.2 allows in quotes only.
    """
    local, at, domain = text.rpartition("@")
    if (
        not at
        or len(text) > _LONGEST_ADDRESS
        or not _LOCAL_PART.fullmatch(local)
        or not _DOMAIN.fullmatch(domain)
    ):
        raise InvalidField("mail_address", "must be a mail address in ASCII: local part, @, domain")
    return text


def user_id(text: str) -> str:
    """Return ``text`` if it can be a ユーザID; else raise `InvalidField`."""
    if not _USER_ID.fullmatch(text):
        raise InvalidField("user_id", "must be 12 ASCII digits")
    return text


def service_id(text: str, field: str = "service_id") -> str:
    """Return ``text`` if it can be a サービスID; else raise `InvalidField` of ``field``."""
    if not _SERVICE_ID.fullmatch(text):
        raise InvalidField(field, "must be 8 ASCII digits")
    return text
