# SPDX-License-Identifier: Apache-2.0
"""Times as the database has them: microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
DAY: Final = 1_440 * MINUTE

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def moment(microseconds: int) -> datetime:
    """Return the database's time as a UTC datetime."""
    return _EPOCH + timedelta(microseconds=microseconds)


def time_of(microseconds: int | None) -> datetime | None:
    """Return the database's time, if there is one, as a UTC datetime."""
    return None if microseconds is None else moment(microseconds)


def microseconds_of(time: datetime | None) -> int | None:
    """Return an aware time, if there is one, as the database has it."""
    return None if time is None else (time - _EPOCH) // _MICROSECOND


def span_of(duration: timedelta) -> int:
    """Return how long ``duration`` is in microseconds."""
    return duration // _MICROSECOND
