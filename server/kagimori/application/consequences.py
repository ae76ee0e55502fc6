# SPDX-License-Identifier: Apache-2.0
"""What an accepted code brings about besides its acceptance, in the same transaction.

A use case prepares it before the code is judged: the row MACs of what the rows become
are made by then. So it goes by the rows as they were read, and where they are others
by the time of the acceptance, nothing is accepted and nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from kagimori.domain.lifecycle import State
from kagimori.domain.policy import Operation
from kagimori.domain.token import Token
from kagimori.domain.value import value


@value(frozen=True, slots=True)
class SecondSeed:
    """The MAC of a token's seed for 取引確認, as it was read and as it is to be."""

    seen_mac: bytes = field(repr=False)
    row_mac: bytes = field(repr=False)


@value(frozen=True, slots=True)
class Taken:
    """A token of nobody's, as it was read, that is to be a customer's and in use.

    ``row_mac`` is over its identity with this ``subscriber``, and so is that of its
    ``second`` seed if it has one. A customer who was to be told within what time to
    claim it (a token app's) has done so.
    """

    seen: Token
    subscriber: str = field(repr=False)
    row_mac: bytes = field(repr=False)
    second: SecondSeed | None = None


@value(frozen=True, slots=True)
class GivenUp:
    """A customer's token, as it was read, that is to be nobody's.

    ``becomes`` is RETIRED, and its seeds are destroyed, or RETURNED; then ``row_mac``
    is over its identity without a subscriber.
    """

    seen: Token
    becomes: State
    row_mac: bytes | None = field(default=None, repr=False)


@value(frozen=True, slots=True)
class Registered:
    """利用開始: the customer, who has no token, has this one. ``login_otp`` is his choice."""

    taken: Taken
    login_otp: bool


@value(frozen=True, slots=True)
class ReplacementBegun:
    """交換, first step: the token of the code may be replaced for so long."""

    subscriber: str = field(repr=False)
    within: timedelta


@value(frozen=True, slots=True)
class Replaced:
    """交換, second step: one token for the other, while the exchange that was begun is open.

    That the exchange is about the token given up is asked of the database again.
    """

    taken: Taken
    given_up: GivenUp


@value(frozen=True, slots=True)
class Terminated:
    """利用中止: the customer has no token any more, and no choice, and no exchange."""

    given_up: GivenUp


Consequence = Registered | ReplacementBegun | Replaced | Terminated

BRINGS_ABOUT: Final[Mapping[Operation, type[Consequence]]] = MappingProxyType(
    {
        Operation.REGISTRATION: Registered,
        Operation.REPLACE_OLD: ReplacementBegun,
        Operation.REPLACE_NEW: Replaced,
        Operation.TERMINATION: Terminated,
    }
)
"""What an operation's acceptance brings about: there is none without it.

The other operations' acceptances bring nothing about but themselves.
"""
