# SPDX-License-Identifier: Apache-2.0
"""Days as a bank counts them: calendar days of its own time zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from kagimori.domain.tenant import Reissue


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """Return the calendar day in ``zone`` at ``moment``, which is aware."""
    return moment.astimezone(zone).date()


def reissue_from(released_on: date, rule: Reissue) -> date:
    """Return the first day on which a new token may be issued."""
    if rule is Reissue.AT_ONCE:
        return released_on
    return released_on + timedelta(days=1)
