# SPDX-License-Identifier: Apache-2.0
"""One call as our servicers see it: who asks, how long there is, what to log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kagimori.transport.identity import Identity

LONGEST_WAIT: Final = 10.0
"""Seconds that a call without a deadline is worked on."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was let in. ``seconds_left`` counts from its start."""

    identity: Identity
    seconds_left: float
    facts: dict[str, str]

    def note(self, **facts: str) -> None:
        """Add ``facts`` to the call's log line: checked values, never a code."""
        self.facts.update(facts)
