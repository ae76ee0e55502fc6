# SPDX-License-Identifier: Apache-2.0
"""What the authority's staff do with a tenant's tokens: look at them, unlock, put away."""

from __future__ import annotations

from collections.abc import AsyncIterator

from kagimori.application.enrollment.ports import Done, HeldToken, Stale
from kagimori.application.enrollment.standing import while_stale
from kagimori.application.inventory.shelf_ports import (
    Card,
    Change,
    Page,
    Shelf,
    Wanted,
)
from kagimori.domain.calendar import day_of
from kagimori.domain.lifecycle import IN_STOCK, Event, IllegalTransition, after
from kagimori.domain.tenant import TenantPolicy


class ShelfRefused(Exception):
    """It cannot be done to this token; nothing was changed."""


async def pages(shelf: Shelf, tenant: str, wanted: Wanted) -> AsyncIterator[Page]:
    """Yield all that is wanted, page by page: memory does not grow with the inventory."""
    end: str | None = ""
    while end is not None:
        page = await shelf.page(tenant, wanted, end)
        end = page.end
        yield page


async def card_of(shelf: Shelf, tenant: str, serial: str) -> Card:
    """Return all there is to see of a token; raise `ShelfRefused` where there is none."""
    card = await shelf.look(tenant, serial)
    if card is None:
        raise ShelfRefused(f"the tenant has no token {serial}")
    return card


class ChangeToken:
    """The use case behind unlocking a token, retiring it and finding it defective."""

    def __init__(self, shelf: Shelf, policy: TenantPolicy, actor: str) -> None:
        """``policy`` is the tenant's; ``actor`` is who does it, for the audit log."""
        self._shelf = shelf
        self._policy = policy
        self._actor = actor

    async def __call__(self, serial: str, event: Event) -> Change:
        """Do UNLOCK, RETIRE or CONDEMN to the token, durably; return what was changed.

        A verification of the token that is under way cannot be accepted from then on.
        Raises `ShelfRefused` where the token's life does not allow it.
        """
        return await while_stale(lambda: self._attempt(serial, event))

    async def _attempt(self, serial: str, event: Event) -> Change | Stale:
        card = await card_of(self._shelf, self._policy.service_id, serial)
        change = self._change(card, event)
        do = self._shelf.unlock if event is Event.UNLOCK else self._shelf.destroy
        done = await do(change)
        return change if isinstance(done, Done) else done

    def _change(self, card: Card, event: Event) -> Change:
        token = card.token
        try:
            becomes = after(token.state, event)
        except IllegalTransition:
            raise ShelfRefused(_why(card, event)) from None
        # What is in stock is called nothing else when its attempts are spent.
        if event is Event.UNLOCK and token.state in IN_STOCK and not token.spent.are_spent:
            raise ShelfRefused(_why(card, event))
        return Change(
            self._policy.service_id,
            HeldToken(token.token_id, token.serial, token.state, token.generation),
            becomes,
            event,
            self._actor,
            day_of(card.now, self._policy.zone),
        )


def _why(card: Card, event: Event) -> str:
    token = card.token
    if event is Event.UNLOCK:
        return f"the token {token.serial} is {token.state}: it is not locked"
    return f"the token {token.serial} is {token.state} already: its seed is destroyed"
