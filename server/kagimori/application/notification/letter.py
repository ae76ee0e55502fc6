# SPDX-License-Identifier: Apache-2.0
"""A letter on its way to a customer."""

from __future__ import annotations

from dataclasses import field

from kagimori.domain.enrollment import LetterKind
from kagimori.domain.value import value


@value(frozen=True, slots=True)
class Letter:
    """What has to be told to whom; the words are the tenant's template.

    ``letter_id`` is a UUID in canonical form; ``message_id`` is the letter's
    Message-ID (RFC 5322 §3.6.4), the same however often it is sent.
    """

    letter_id: str
    tenant: str
    kind: LetterKind
    subscriber: str = field(repr=False)
    user_id: str
    recipient: str = field(repr=False)
    message_id: str


def message_id(letter_id: str, sender: str) -> str:
    """Return the Message-ID of a letter, angle brackets included.

    ``sender`` is the address that the tenant's letters come from: its domain
    answers for the name being unique (RFC 5322 §3.6.4).
    """
    return f"<{letter_id}@{sender.rpartition('@')[2]}>"
