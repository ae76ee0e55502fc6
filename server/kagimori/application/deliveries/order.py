# SPDX-License-Identifier: Apache-2.0
"""What somebody orders who brings in a delivery, and the rules that a token must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from kagimori.application.deliveries.vendor_file import LONGEST_PERIOD, Fault
from kagimori.domain.code import LONGEST, SHORTEST
from kagimori.domain.tenant import CUSTODY, SubscriberNames
from kagimori.domain.token import SERIAL, CustodyLabel, MovingFactor, Profile

LONGEST_SUBSCRIBER: Final = 64
"""Characters, as in the API."""


class OrderRefused(Exception):
    """The order cannot be right; nothing was looked at or changed."""


class DeliveryRefused(Exception):
    """A delivery is refused as a whole; ``reason`` is a word, ``detail`` a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        """``detail`` quotes no key material."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """Who brings in tokens for whom.

    ``tenant`` is the service ID, ``vendor`` whose keys the delivery is under, and
    ``actor`` the person, for the audit log. ``assignments`` gives a serial to a
    subscriber; with ``activate`` those tokens are in use at once. A clock error
    above ``max_drift`` steps is not taken from a file. ``subscriber_names`` and
    ``custody``, the labels that it accepts, are the tenant's rules. A ``dry_run``
    does all but the writing; ``all_or_nothing`` writes only if no token is refused.
    """

    tenant: str
    vendor: str
    actor: str
    max_drift: int
    assignments: Mapping[str, str] = field(repr=False, default_factory=dict)
    activate: bool = False
    subscriber_names: SubscriberNames = SubscriberNames.PLAIN
    custody: frozenset[CustodyLabel] = CUSTODY
    dry_run: bool = False
    all_or_nothing: bool = False


def check_assignments(order: ImportOrder) -> None:
    """Raise `OrderRefused` if no file could make the assignments right."""
    subscribers = list(order.assignments.values())
    if not all(map(_is_subscriber, subscribers)):
        msg = f"a subscriber is named by 1 to {LONGEST_SUBSCRIBER} printable characters"
        raise OrderRefused(msg)
    if len(set(subscribers)) < len(subscribers):
        msg = "two tokens are assigned to one subscriber"
        raise OrderRefused(msg)


def serial_fault(serial: str) -> tuple[Fault, str] | None:
    """Return what is wrong with a serial, if anything."""
    if SERIAL.fullmatch(serial):
        return None
    return Fault.BAD_SERIAL, "a serial is 1 to 32 characters of 0-9 and A-Z"


def profile_fault(profile: Profile) -> tuple[Fault, str] | None:
    """Return what is wrong with a hardware token's profile, if anything."""
    if not SHORTEST <= profile.digits <= LONGEST:
        return Fault.BAD_VALUE, f"a code has {SHORTEST} to {LONGEST} digits"
    if profile.factor is MovingFactor.EVENT:
        return None if profile.period == 0 else (Fault.BAD_VALUE, "a counter has no time step")
    if not 1 <= profile.period <= LONGEST_PERIOD:
        return Fault.BAD_VALUE, f"a time step is 1 to {LONGEST_PERIOD} seconds"
    return None


def _is_subscriber(name: str) -> bool:
    return 0 < len(name) <= LONGEST_SUBSCRIBER and name.isprintable()
