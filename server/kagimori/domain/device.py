# SPDX-License-Identifier: Apache-2.0
"""What a vendor says of a hardware token beside its seed: its make, and its time."""

from __future__ import annotations

from datetime import date, datetime

from kagimori.domain.value import value


@value(frozen=True, slots=True)
class Validity:
    """From when until when a token may be used; None where there is no such bound.

    Both are UTC. ``not_before`` is the first moment, ``not_after`` the first one no
    more (RFC 6030 §4.2.1 and §5: StartDate and ExpiryDate).
    """

    not_before: datetime | None = None
    not_after: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Return whether the token's time is over at ``now``: it is expired."""
        return self.not_after is not None and now >= self.not_after

    def within(self, other: Validity) -> Validity:
        """Return the time that is in both."""
        begins = [time for time in (self.not_before, other.not_before) if time is not None]
        ends = [time for time in (self.not_after, other.not_after) if time is not None]
        return Validity(max(begins, default=None), min(ends, default=None))


@value(frozen=True, slots=True)
class Device:
    """What a hardware token is (RFC 6030 §4.2.1).

    ``since`` is the day from which its battery is counted: the vendor's StartDate
    of the device, or None where the file says nothing.
    """

    manufacturer: str = ""
    model: str = ""
    since: date | None = None
