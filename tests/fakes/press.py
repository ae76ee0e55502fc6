# SPDX-License-Identifier: Apache-2.0
"""A `CardPress` in software, over seeds that are no secret."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from fakes.vault import FakeVault, hotp
from kagimori.application.grid_cards.printing_ports import DrawnCard
from kagimori.domain.errors import HsmUnavailable
from kagimori.domain.token import CustodyLabel, TokenIdentity


@dataclass
class FakePress:
    """Draws cards; ``asked`` is how many at each time, ``cards`` all of them."""

    vault: FakeVault = field(default_factory=FakeVault)
    asked: list[int] = field(default_factory=list)
    cards: list[DrawnCard] = field(default_factory=list)
    draws_left: int | None = None
    """Calls until the HSM is away; None if it never is."""

    async def draw_cards(self, tenant: str, count: int) -> list[DrawnCard]:
        if self.draws_left == 0:
            raise HsmUnavailable("the HSM gave no result", 0.5)
        if self.draws_left is not None:
            self.draws_left -= 1
        self.asked.append(count)
        drawn = [self._draw(tenant) for _ in range(count)]
        self.cards += drawn
        return drawn

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        return await self.vault.row_macs(identities)

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        return self.vault.fingerprint(tenant, message)

    def _draw(self, tenant: str) -> DrawnCard:
        seed = secrets.token_bytes(32)
        sealed = self.vault.seal(tenant, seed, custody=CustodyLabel.CELLS_PRINTED)
        return DrawnCard(sealed, tuple(hotp(seed, place, 6)[-4:] for place in range(8)))
