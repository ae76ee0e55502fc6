# SPDX-License-Identifier: Apache-2.0
"""An `InventoryStore` in a dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kagimori.application.inventory.ports import Added, Duplicate
from kagimori.domain.token import Token


@dataclass
class FakeInventory:
    """``tokens`` is by tenant and serial; ``actors`` says who added, call by call."""

    tokens: dict[tuple[str, str], Token] = field(default_factory=dict)
    actors: list[str] = field(default_factory=list)

    def known_serials(self, tenant: str, serials: Sequence[str]) -> set[str]:
        """See `InventoryStore.known_serials`."""
        return {serial for serial in serials if (tenant, serial) in self.tokens}

    def add(self, tokens: Sequence[Token], actor: str) -> list[Added | Duplicate]:
        """See `InventoryStore.add`."""
        self.actors.append(actor)
        return [self._add_one(token) for token in tokens]

    def _add_one(self, token: Token) -> Added | Duplicate:
        identity = token.identity
        key = (identity.tenant, identity.serial)
        if key in self.tokens:
            return Duplicate(identity.serial)
        self.tokens[key] = token
        return Added(identity.serial)
