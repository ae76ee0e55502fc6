# SPDX-License-Identifier: Apache-2.0
"""What a customer types, looked at before anything is sent or kept."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from kagimori_client.token.errors import InvalidField

SERVICE_ID: Final = re.compile(r"[0-9]{8}")
LONGEST_LABEL: Final = 20
SHORTEST_PASSPHRASE: Final = 8

_USER_ID: Final = re.compile(r"[0-9]{12}")
_ACTIVATION_PASSWORD: Final = re.compile(r"[0-9]{4,8}")
_CONTROLS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Marks that turn the direction of the text around them (UAX #9): a label with
# one would rearrange the line it is shown in.
_DIRECTIONS: Final = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))


def service_id(text: str) -> str:
    """Return ``text`` if it can be a サービスID; else raise `InvalidField`."""
    return _matching("service_id", text, SERVICE_ID, "must be 8 ASCII digits")


def user_id(text: str) -> str:
    """Return ``text`` if it can be a ユーザID; else raise `InvalidField`."""
    return _matching("user_id", text, _USER_ID, "must be 12 ASCII digits")


def activation_password(text: str) -> str:
    """Return ``text`` if it can be a 利用開始パスワード; else raise `InvalidField`."""
    reason = "must be 4 to 8 ASCII digits"
    return _matching("activation_password", text, _ACTIVATION_PASSWORD, reason)


def passphrase(text: str, shortest: int = SHORTEST_PASSPHRASE) -> str:
    """Return ``text`` as it is used: RFC 8265 §4.2.2, spaces made one and NFC.

    So the same passphrase opens the file, whichever keyboard it is typed on.
    Raise `InvalidField` for fewer characters than ``shortest``.
    """
    if not isinstance(text, str):
        raise InvalidField("passphrase", "must be a str")
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in text)
    composed = unicodedata.normalize("NFC", spaced)
    if len(composed) < max(1, shortest):
        raise InvalidField("passphrase", f"must have {max(1, shortest)} characters or more")
    if any(unicodedata.category(c) == "Cs" for c in composed):
        raise InvalidField("passphrase", "must be text that UTF-8 can hold")
    return composed


def label(text: str | None) -> str | None:
    """Return ``text`` as it is shown, or None for an empty one.

    Any script, at most 20 characters after NFC; raise `InvalidField` for a
    control character, or one that turns the direction of what follows.
    """
    shown = unicodedata.normalize("NFC", text or "").strip()
    if len(shown) > LONGEST_LABEL:
        raise InvalidField("label", f"must have {LONGEST_LABEL} characters at most")
    if not is_line(shown):
        raise InvalidField("label", "must have no control characters")
    return shown or None


def is_line(text: str) -> bool:
    """Say whether ``text`` can be shown in a line and leave the rest of it alone."""
    return not any(unicodedata.category(c) in _CONTROLS or c in _DIRECTIONS for c in text)


def _matching(field: str, text: object, pattern: re.Pattern[str], reason: str) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise InvalidField(field, reason)
    return text
