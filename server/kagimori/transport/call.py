# SPDX-License-Identifier: Apache-2.0
"""One call as our servicers see it: who asks, how long there is, what to log."""

from __future__ import annotations

from dataclasses import dataclass, field

from kagimori.transport.identity import Identity


@dataclass(slots=True)  # not frozen: that would cost a microsecond on every call
class Call:
    """A call that was let in.

    ``seconds_left`` counts from its start; it is infinite without a deadline,
    and a use case bounds it. ``facts`` go into the call's log line as a servicer
    puts them there: checked values, never a code and never a subscriber.
    """

    identity: Identity
    seconds_left: float
    facts: dict[str, object]


@dataclass(slots=True)
class StrangersCall:
    """A call of somebody who shows no certificate.

    ``peer`` is where it comes from in gRPC's words (``ipv4:192.0.2.1:4711``): it
    belongs in no log. The rest is as in `Call`.
    """

    peer: str = field(repr=False)
    seconds_left: float
    facts: dict[str, object]
