# SPDX-License-Identifier: Apache-2.0
"""What token rows become by an acceptance, with the MACs that the HSM makes for it.

The row MAC covers the customer. Whatever stands in a row that is to be another's is
vouched for anew, so the MAC that it has is checked first: otherwise whoever can write
the database would have a seed of his own vouched for.
"""

from __future__ import annotations

import hmac
from dataclasses import replace

from kagimori.application.consequences import GivenUp, SecondSeed, Taken
from kagimori.application.inventory.desk_ports import DeskStore
from kagimori.application.registration.ports import RegistrationVault
from kagimori.domain.errors import RecordTampered
from kagimori.domain.lifecycle import IN_STOCK, Event, State, after
from kagimori.domain.token import Kind, Token


class Rows:
    """Reads token rows, and prepares what becomes of them."""

    def __init__(self, desk: DeskStore, vault: RegistrationVault) -> None:
        """``desk`` has the rows, ``vault`` makes their MACs."""
        self._desk = desk
        self._vault = vault

    async def in_stock(self, tenant: str, serial: str) -> Token | None:
        """Return the token that a customer may take, or None: whatever else the serial is."""
        found = await self._desk.look(tenant, serial)
        if found is None or found.token.state not in IN_STOCK:
            return None
        # A hardware token's time is the engine's matter: the bank is told of it.
        unclaimed_too_long = found.is_expired and found.token.identity.kind is Kind.SOFTWARE
        return None if unclaimed_too_long else found.token

    async def held(self, tenant: str, serial: str, subscriber: str) -> Token | None:
        """Return the customer's token, if it still is his."""
        found = await self._desk.look(tenant, serial)
        if found is None or found.token.identity.subscriber != subscriber:
            return None
        return found.token

    async def taken(self, tenant: str, token: Token | None, subscriber: str) -> Taken | None:
        """Return ``token`` as the customer's. For None the same work is done.

        Raises `RecordTampered` or `HsmUnavailable`.
        """
        seen = token or self._vault.decoy(tenant)
        row_mac = await self._vouched(seen, subscriber)
        if token is None:
            return None
        return Taken(token, subscriber, row_mac, await self._second(token, subscriber))

    async def given_up(self, token: Token, *, is_assisted: bool = False) -> GivenUp:
        """Return what becomes of a customer's ``token``; raise as `taken`."""
        becomes = _ended(token, is_assisted=is_assisted)
        if becomes is State.RETIRED:
            # Its seed is destroyed: there is nothing to be vouched for.
            return GivenUp(token, becomes)
        return GivenUp(token, becomes, await self._vouched(token, None))

    async def _second(self, token: Token, subscriber: str) -> SecondSeed | None:
        """Return the MACs of the seed for 取引確認: its row, too, says whose it is."""
        second = await self._desk.second_seed(token)
        if second is None:
            return None
        return SecondSeed(second.row_mac, await self._vouched(second, subscriber))

    async def _vouched(self, seen: Token, subscriber: str | None) -> bytes:
        """Return the MAC over the row once it is ``subscriber``'s, if it has its own by now."""
        becomes = replace(seen.identity, subscriber=subscriber)
        try:
            as_read, row_mac = await self._vault.row_macs([seen.identity, becomes])
        except (OverflowError, ValueError):
            raise RecordTampered from None
        if not hmac.compare_digest(as_read, seen.row_mac):
            raise RecordTampered
        return row_mac


def _ended(token: Token, *, is_assisted: bool) -> State:
    """Return the state of a token that its customer has no more.

    An app's seed is of no use to anybody else, and a token that two of the bank's staff
    gave up is in nobody's hands, or in a thief's.
    """
    keeps = token.identity.kind is Kind.HARDWARE and not is_assisted
    return after(token.state, Event.RETURN if keeps else Event.RETIRE)
