# SPDX-License-Identifier: Apache-2.0
"""The values that PSKC elements hold: text, octets, numbers, moments."""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from kagimori.adapters.pskc.xml import WHITESPACE, name_of, refusal
from kagimori.application.deliveries.vendor_file import Fault

if TYPE_CHECKING:
    from lxml.etree import _Element

LONGEST_TEXT: Final = 16 * 1024
"""Characters of one value."""

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_MOMENT: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})T(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?P<fraction>\.[0-9]{1,9})?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?"
)
_MIDNIGHT: Final = "24:00:00"


def text(element: _Element) -> str:
    """Return the text of an element that holds text alone.

    A comment within a value is refused: readers disagree on what the value is.
    """
    if len(element):
        raise refusal(Fault.UNEXPECTED, element, f"{name_of(element)} must hold text alone")
    value = element.text or ""
    if len(value) > LONGEST_TEXT:
        raise refusal(Fault.TOO_LARGE, element, f"{name_of(element)} is too long")
    return value


def octets(element: _Element) -> bytes:
    """Return the octets of a base64 value, in which white space is allowed."""
    written = text(element)
    value = _unpacked(written) or _unpacked("".join(written.split()))
    if not value:
        raise refusal(Fault.BAD_VALUE, element, f"{name_of(element)} must be base64")
    return value


def integer(element: _Element, lowest: int, highest: int) -> int:
    """Return a whole number between two bounds, both included."""
    number = _number(text(element))
    if number is None or not lowest <= number <= highest:
        detail = f"{name_of(element)} must be a whole number from {lowest} to {highest}"
        raise refusal(Fault.BAD_VALUE, element, detail)
    return number


def moment(element: _Element) -> datetime:
    """Return an xs:dateTime in UTC; one without a zone is taken to be UTC."""
    when = _moment(text(element).strip(WHITESPACE))
    if when is None:
        detail = f"{name_of(element)} must be a date and time as 2031-12-31T23:59:59Z"
        raise refusal(Fault.BAD_VALUE, element, detail)
    return when


def printable(element: _Element, longest: int) -> str:
    """Return what can be printed of a text, cut to so many characters."""
    value = text(element)[: 2 * longest]
    if not value.isprintable():
        value = "".join(character for character in value if character.isprintable())
    return value.strip()[:longest]


def _unpacked(packed: str) -> bytes:
    try:
        return binascii.a2b_base64(packed, strict_mode=True)
    except ValueError:
        return b""


# A file's numbers and dates are few, and each stands there a million times. What
# is kept is bounded, and holds no secret.
@lru_cache(maxsize=256)
def _number(written: str) -> int | None:
    written = written.strip(WHITESPACE)
    return int(written) if _INTEGER.fullmatch(written) else None


@lru_cache(maxsize=256)
def _moment(written: str) -> datetime | None:
    found = _MOMENT.fullmatch(written)
    if found is None:
        return None
    day, time, fraction, zone = found.group("day", "time", "fraction", "zone")
    ends = time == _MIDNIGHT
    try:
        when = datetime.fromisoformat(
            f"{day}T{'00:00:00' if ends else time}{fraction or ''}{zone or 'Z'}"
        )
        return when.astimezone(UTC) + timedelta(days=ends)
    except (ValueError, OverflowError):
        return None
