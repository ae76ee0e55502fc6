# SPDX-License-Identifier: Apache-2.0
"""One call as our servicers see it: who asks, how long there is, what to log."""

from __future__ import annotations

from dataclasses import dataclass

from kagimori.transport.identity import Identity


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was let in.

    ``seconds_left`` counts from its start; it is infinite without a deadline,
    and a use case bounds it.
    """

    identity: Identity
    seconds_left: float
    facts: dict[str, str]

    def note(self, **facts: str) -> None:
        """Add ``facts`` to the call's log line: checked values, never a code."""
        self.facts.update(facts)
