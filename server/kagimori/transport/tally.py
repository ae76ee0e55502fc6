# SPDX-License-Identifier: Apache-2.0
"""What became of a batch's items, for the log: all counted, a few described."""

from __future__ import annotations

from collections import Counter
from typing import Final

from kagimori.api.verification.v1.verification_pb2 import VerifyOtpRequest
from kagimori.domain.errors import AuthorityError, InvalidField
from kagimori.domain.outcome import Outcome
from kagimori.transport import call_log
from kagimori.transport.call import Call
from kagimori.transport.status import code_of

MOST_LINES: Final = 8
"""Lines about single items of one batch: an outage must not fill the log."""


class Tally:
    """Counts the items of one batch.

    Which code belonged to which request is in the audit; the call's line has
    numbers, and a refused item has a line of its own until there are too many.
    """

    def __init__(self, call: Call) -> None:
        """Count for the log line of ``call``."""
        self._call = call
        self._outcomes: Counter[Outcome] = Counter()
        self._refusals: Counter[str] = Counter()

    def judged(self, outcome: Outcome) -> None:
        """Count an item that has an answer."""
        self._outcomes[outcome] += 1

    def refused(self, number: int, request: VerifyOtpRequest, error: Exception) -> None:
        """Count item ``number`` (from 0), which has none because of ``error``."""
        if self._refusals.total() < MOST_LINES:
            facts = {"item": number, **_named(request, error)}
            call_log.item_failed(self._call.identity, facts, error, code_of(error))
        self._refusals[_reason_of(error)] += 1

    def write(self) -> None:
        """Put the numbers into the call's line."""
        facts = self._call.facts
        facts["items"] = self._outcomes.total() + self._refusals.total()
        facts["outcomes"] = {outcome.value: count for outcome, count in self._outcomes.items()}
        if self._refusals:
            facts["refusals"] = dict(self._refusals)


def _named(request: VerifyOtpRequest, error: Exception) -> dict[str, str]:
    """Return the item's name, which is read first and so is checked unless it is wrong."""
    if isinstance(error, InvalidField) and error.field == "request_id":
        return {}
    return {"request_id": request.request_id}


def _reason_of(error: Exception) -> str:
    return error.reason if isinstance(error, AuthorityError) else "INTERNAL"
