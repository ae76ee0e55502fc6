# SPDX-License-Identifier: Apache-2.0
"""What somebody orders who has grid cards printed, and the rules that an order must keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from kagimori.domain.errors import NotOffered
from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.token import CustodyLabel

LARGEST_RUN: Final = 10_000
"""Cards: they become live in one transaction, and servers wait while it is written."""

LONGEST_SUBSCRIBER: Final = 64
"""Characters, as in the API."""

LARGEST_LIST: Final = LARGEST_RUN * (LONGEST_SUBSCRIBER * 4 + len("\r\n"))
"""Octets of a list of customers: a character of UTF-8 has four at most."""


class PrintRefused(Exception):
    """Nothing was printed, and nothing was changed."""


class PrintUnfinished(Exception):
    """The file is written; whether its cards are live, and it has its name, is not known."""


@dataclass(frozen=True, slots=True)
class PrintOrder:
    """Who has cards printed for which customers, by the bank's own numbers.

    ``actor`` is the person, for the audit log.
    """

    policy: TenantPolicy
    subscriber_refs: tuple[str, ...] = field(repr=False)
    actor: str


def check_offered(policy: TenantPolicy) -> None:
    """Raise `NotOffered` unless the tenant has grid cards, and takes what a shop prints."""
    if policy.registration is None or not policy.registration.grid_card:
        raise NotOffered("registration.grid_card")
    if CustodyLabel.CELLS_PRINTED not in policy.custody:
        raise NotOffered(f"custody {CustodyLabel.CELLS_PRINTED}")


def customers_of(octets: bytes) -> tuple[str, ...]:
    """Return the customers of a list in UTF-8, one in each line.

    Raises `PrintRefused`, which names the line and does not quote it.
    """
    lines = octets.split(b"\n")
    if not lines[-1]:
        lines.pop()
    if not lines:
        raise PrintRefused("the list of customers is empty")
    if len(lines) > LARGEST_RUN:
        raise PrintRefused(f"the list has more than {LARGEST_RUN} customers: print it in parts")
    first: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        subscriber_ref = _customer(line.removesuffix(b"\r"), number)
        if subscriber_ref in first:
            raise _refusal(number, f"is the same customer as line {first[subscriber_ref]}")
        first[subscriber_ref] = number
    return tuple(first)


def _customer(line: bytes, number: int) -> str:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        # Its own words would show the line.
        raise _refusal(number, "is not UTF-8 text") from None
    if not text:
        raise _refusal(number, "is empty")
    if len(text) > LONGEST_SUBSCRIBER:
        raise _refusal(number, f"is longer than {LONGEST_SUBSCRIBER} characters")
    if not text.isprintable():
        raise _refusal(number, "holds what cannot be printed")
    return text


def _refusal(number: int, what: str) -> PrintRefused:
    return PrintRefused(f"the list of customers: line {number} {what}")
