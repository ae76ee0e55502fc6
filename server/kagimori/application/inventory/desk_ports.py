# SPDX-License-Identifier: Apache-2.0
"""What handing hardware tokens out and taking them back needs: a store, and row MACs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime
from typing import Protocol

from kagimori.application.enrollment.ports import Done, Stale
from kagimori.domain.device import Device, Validity
from kagimori.domain.lifecycle import DESTROYED, State
from kagimori.domain.token import Token, TokenIdentity
from kagimori.domain.value import value


@value(frozen=True, slots=True)
class StockedToken:
    """A token of the tenant's at the time ``now``, by the database's clock (UTC)."""

    now: datetime
    token: Token
    validity: Validity = Validity()
    device: Device = Device()

    @property
    def is_expired(self) -> bool:
        """Return whether its time is over; one that is destroyed is that above all."""
        return self.token.state not in DESTROYED and self.validity.is_over(self.now)


@value(frozen=True, slots=True)
class Assigning:
    """A token in stock that a customer is to have, as it was read.

    ``identity`` is what it will be, ``row_mac`` the MAC over that, ``becomes`` its
    state then.
    """

    seen: Token
    identity: TokenIdentity
    row_mac: bytes = field(repr=False)
    becomes: State
    actor: str


@value(frozen=True, slots=True)
class Returning:
    """A token that is to be nobody's again, as it was read; see `Assigning`."""

    seen: Token
    row_mac: bytes = field(repr=False)
    becomes: State
    actor: str


@value(frozen=True, slots=True)
class Condemning:
    """A token whose seed is to be destroyed, as it was read."""

    seen: Token
    becomes: State
    actor: str


@value(frozen=True, slots=True)
class Hindered:
    """The customer has a token, or an enrolment under way: nothing was changed."""


class DeskStore(Protocol):
    """Hardware tokens between stock and customers. Each call is one transaction.

    Whatever changes a token ends a verification of it that is under way. All raise
    `StoreUnavailable` if what they do is not known to have happened.
    """

    async def look(self, tenant: str, serial: str) -> StockedToken | None:
        """Return the token as it is; None for a serial that is no token of the tenant's."""
        ...

    async def second_seed(self, token: Token) -> Token | None:
        """Return the seed for 取引確認 that came with ``token``, if one did.

        A token only in name: identity and MAC are of the second seed.
        """
        ...

    async def assign(self, assigning: Assigning) -> Done | Stale | Hindered:
        """Give a token to a customer who has none; its attempts begin anew.

        `Stale` also where its time of validity is over by now.
        """
        ...

    async def take_back(self, returning: Returning) -> Done | Stale:
        """Bind a token to nobody; what was spent of its steps stays spent."""
        ...

    async def condemn(self, condemning: Condemning) -> Done | Stale:
        """Bind a token to nobody, and destroy its seeds."""
        ...


class RowMacs(Protocol):
    """The HSM's part in it."""

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        """Return the MACs that bind the rows together, 32 bytes each, in order.

        Raises `HsmUnavailable`, and OverflowError or ValueError for a value that no
        row has.
        """
        ...
