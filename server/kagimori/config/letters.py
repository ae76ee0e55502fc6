# SPDX-License-Identifier: Apache-2.0
"""The words of a tenant's letters, refused where a letter could go wrong by them."""

from __future__ import annotations

import unicodedata
from string import Template
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from kagimori.config.reading import Section
from kagimori.domain.enrollment import mail_address
from kagimori.domain.errors import InvalidField
from kagimori.domain.tenant import MailTemplate

ISSUED_NAMES: Final = (
    "service_id",
    "user_id",
    "feature_phone_url",
    "smartphone_url",
    "support",
)
"""What トークン発行のご案内 names, all of it. The activation password is in no letter."""

REPLAYED_NAMES: Final = ("support",)
"""What the letter about a code that was offered twice names."""

_SEPARATORS: Final = frozenset({"Cc", "Zl", "Zp"})


def line(value: str) -> str:
    """Return ``value`` if it is one line of text; else raise ValueError."""
    # A line break in a header would begin another one (RFC 5322 §2.2).
    if any(unicodedata.category(letter) in _SEPARATORS for letter in value):
        raise ValueError("must be one line, without control characters")
    return value


def words(value: str) -> str:
    """Return ``value`` if a header can have these words, as they are; else raise ValueError."""
    if "$" in value:
        raise ValueError("holds a $, and nothing is put in for placeholders here")
    return line(value)


def _lines(value: str) -> str:
    for each in value.split("\n"):
        line(each)
    return value


def _address(value: str) -> str:
    try:
        return mail_address(value)
    except InvalidField as error:
        raise ValueError(error.description) from None


def _https(value: str) -> str:
    try:
        url = urlsplit(value)
        fit = url.scheme == "https" and url.hostname and not url.username and url.port != 0
    except ValueError:
        fit = False
    if not fit or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must be an https URL in ASCII, without a user name")
    return value


def _holding(value: str, names: tuple[str, ...]) -> str:
    """Return a template that names all of ``names`` and nothing else; else raise ValueError."""
    template = Template(value)
    known = ", ".join(f"${{{name}}}" for name in names)
    if not template.is_valid():
        raise ValueError("holds a $ that begins no placeholder; a dollar sign is written $$")
    found = set(template.get_identifiers())
    if not found <= set(names):
        raise ValueError(f"holds an unknown placeholder; there is only {known}")
    missing = [f"${{{name}}}" for name in names if name not in found]
    if missing:
        raise ValueError(f"does not hold {', '.join(missing)}")
    return value


def _issued(value: str) -> str:
    return _holding(_lines(value), ISSUED_NAMES)


def _replayed(value: str) -> str:
    return _holding(_lines(value), REPLAYED_NAMES) if value else value


Line = Annotated[str, Field(strict=True, min_length=1, max_length=200), AfterValidator(line)]
Words = Annotated[str, Field(strict=True, min_length=1, max_length=200), AfterValidator(words)]
Url = Annotated[str, Field(strict=True, max_length=500), AfterValidator(_https)]
_Text = Annotated[str, Field(strict=True, max_length=8000)]


class MailTemplateSection(Section):
    """The letter トークン発行のご案内, and the one about a code that was offered twice.

    A tenant without this table issues no software tokens by mail.
    """

    sender: Annotated[str, Field(strict=True), AfterValidator(_address)] = Field(
        description="the address it comes from, send-only"
    )
    sender_name: Words = Field(description="whose letter it is, as customers know the bank")
    subject: Words = Field(description="its subject")
    body: Annotated[_Text, AfterValidator(_issued)] = Field(
        description="its text with "
        + ", ".join(f"`${{{name}}}`" for name in ISSUED_NAMES)
        + ", all of them; a dollar sign is written `$$`"
    )
    feature_phone_url: Url = Field(description="where feature phones get the app, https")
    smartphone_url: Url = Field(description="where smartphones get the app, https")
    support: Line = Field(description="whom to ask, and under which number")
    replay_subject: Annotated[str, Field(strict=True, max_length=200), AfterValidator(words)] = (
        Field(
            default="",
            description="subject of the letter about a code offered twice; empty: no letter",
        )
    )
    replay_body: Annotated[_Text, AfterValidator(_replayed)] = Field(
        default="", description="its text with `${support}`"
    )

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if bool(self.replay_subject) != bool(self.replay_body):
            raise ValueError("replay_subject and replay_body go together")
        return self

    def template(self) -> MailTemplate:
        """Return the same in the domain's words."""
        return MailTemplate(**self.model_dump())
