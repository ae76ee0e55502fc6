# SPDX-License-Identifier: Apache-2.0
"""`VerifyTransaction` on SQLite, beside `VerifyOtp`.

Both over mTLS from loadgen, with many calls in flight, to servers that differ in one
rule: one tenant's tokens sign, and have the seeds for it. Each call answers a challenge
of its own, with its right code, and must be accepted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench import stock
from bench.figure import Figure, by_turns
from bench.ground import HOT, HOT_TOKENS, Ground, asking
from bench.loadgen import Loadgen
from bench.verify_unary import IN_FLIGHT
from development.environment import ROOT, Environment
from development.server import ServerProcess
from support.served.authority import SERVICE_ID

_ROOM: Final = 3
"""Challenges for a round, for each code that is verified in one: a quieter spell may come."""
_MOST_SECONDS: Final = 30
"""More than a call about each token takes."""


def measure(ground: Ground) -> Figure:
    """Return transactions verified per second, and codes of logins."""
    seconds, logins = ground.rounds.seconds, ground.sqlite
    of_a_round = math.ceil(_ROOM * seconds * logins.closed_rate(IN_FLIGHT, seconds)) + IN_FLIGHT
    with _served(ground, of_a_round) as rounds:
        return by_turns(
            ground.rounds,
            lambda: next(rounds).closed_rate(IN_FLIGHT, seconds),
            lambda: logins.closed_rate(IN_FLIGHT, seconds),
        )


@contextmanager
def _served(ground: Ground, of_a_round: int) -> Iterator[Iterator[Loadgen]]:
    """Serve tokens that sign, whose seeds are open; yield loadgen for each round."""
    place = ground.place("signing", HOT_TOKENS, HOT)
    stock.apply_tenants(place, _rules(place))
    first, *others = stock.fill_signing(place, [HOT_TOKENS, *[of_a_round] * ground.rounds.count])
    with ServerProcess(place):
        asked = asking(place)
        replace(asked, requests=first).accepted(
            f"--closed={IN_FLIGHT}", f"--seconds={_MOST_SECONDS}"
        )
        yield (replace(asked, requests=file) for file in others)


def _rules(place: Environment) -> Path:
    """Return the shipped tenants' file, but that the tokens' tenant offers to sign."""
    rules = (ROOT / "config" / "tenants.toml").read_text(encoding="utf-8")
    tokens = rf'(?ms)^service_id = "{SERVICE_ID}"$.*?^tokens = \{{'
    changed, places = re.subn(tokens, r"\g<0> transaction_signing = true,", rules, count=1)
    assert places == 1, "no such tenant, or no table of its tokens"
    file = place.directory / "tenants.toml"
    file.write_text(changed, encoding="utf-8")
    return file
