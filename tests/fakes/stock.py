# SPDX-License-Identifier: Apache-2.0
"""A `Stock` in dictionaries, which the stock's contract judges like the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from kagimori.application.deliveries.ports import Added, Delivery, Duplicate, Known, NewToken
from kagimori.domain.errors import InvalidField
from kagimori.domain.lifecycle import Event, State, after
from kagimori.domain.token import Token, TokenIdentity

Key = tuple[str, str]
"""A token's name: tenant and serial. Or a delivery's: tenant and ID."""


@dataclass
class FakeStock:
    """``tokens``, ``news`` and ``came_with`` are by tenant and serial.

    ``news`` is how a delivery brought a token in, ``came_with`` the delivery's ID.
    ``audit`` has actor, action and serial of each act, the oldest first.
    """

    tokens: dict[Key, Token] = field(default_factory=dict)
    news: dict[Key, NewToken] = field(default_factory=dict)
    came_with: dict[Key, str] = field(default_factory=dict)
    deliveries: dict[Key, Delivery] = field(default_factory=dict)
    finished: dict[Key, datetime] = field(default_factory=dict)
    audit: list[tuple[str, str, str]] = field(default_factory=list)

    async def begin(self, delivery: Delivery) -> str:
        """See `Stock.begin`."""
        for (tenant, delivery_id), known in self.deliveries.items():
            if (tenant, known.digest) == (delivery.tenant, delivery.digest):
                return delivery_id
        delivery_id = f"{len(self.deliveries) + 1:032x}"
        self.deliveries[delivery.tenant, delivery_id] = delivery
        return delivery_id

    async def known(self, tenant: str, serials: Sequence[str]) -> dict[str, Known]:
        """See `Stock.known`."""
        return {
            serial: Known(serial, self.came_with.get((tenant, serial)))
            for serial in serials
            if (tenant, serial) in self.tokens
        }

    async def add(
        self, delivery_id: str, tokens: Sequence[NewToken], actor: str
    ) -> list[Added | Duplicate]:
        """See `Stock.add`."""
        before = (dict(self.tokens), dict(self.news), dict(self.came_with), list(self.audit))
        try:
            return [self._add_one(delivery_id, new, actor) for new in tokens]
        except InvalidField:
            self.tokens, self.news, self.came_with, self.audit = before
            raise

    async def condemn(
        self, tenant: str, delivery_id: str, serials: Sequence[str], actor: str
    ) -> set[str]:
        """See `Stock.condemn`."""
        condemned = set()
        for key in [(tenant, serial) for serial in serials]:
            token = self.tokens.get(key)
            if token and self.came_with.get(key) == delivery_id and token.state is State.IN_STOCK:
                self.tokens[key] = _condemned(token)
                self.audit.append((actor, "CONDEMN", token.identity.serial))
                condemned.add(token.identity.serial)
        return condemned

    async def finish(self, tenant: str, delivery_id: str) -> datetime:
        """See `Stock.finish`."""
        return self.finished.setdefault((tenant, delivery_id), datetime.now(UTC))

    def _add_one(self, delivery_id: str, new: NewToken, actor: str) -> Added | Duplicate:
        identity = new.token.identity
        key = (identity.tenant, identity.serial)
        if key in self.tokens:
            return Duplicate(identity.serial)
        if identity.subscriber is not None and self._has_token(identity):
            raise InvalidField("subscriber_ref", "has a token already")
        self.tokens[key] = new.token
        self.news[key] = new
        self.came_with[key] = delivery_id
        self.audit.append((actor, "IMPORT", identity.serial))
        return Added(identity.serial)

    def _has_token(self, identity: TokenIdentity) -> bool:
        holder = (identity.tenant, identity.subscriber)
        others = (token.identity for token in self.tokens.values())
        return any((other.tenant, other.subscriber) == holder for other in others)


def _condemned(token: Token) -> Token:
    seed = replace(token.identity.seed, blob=b"")
    return replace(
        token,
        identity=replace(token.identity, seed=seed),
        row_mac=b"",
        state=after(token.state, Event.CONDEMN),
        generation=token.generation + 1,
    )
