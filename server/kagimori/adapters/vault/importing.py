# SPDX-License-Identifier: Apache-2.0
"""The importing process's vault."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import Final

from kagimori import core, key_policy
from kagimori.adapters.vault.delivery import answers_of, keys_of, refusal_of, seeds_of
from kagimori.adapters.vault.settings import Hsm, PartitionLogin, VaultRefused
from kagimori.adapters.vault.words import (
    RETRY_FATAL_AFTER,
    canary_of,
    partition_of,
    provider_of,
    row_of,
    sealed_of,
    translated,
)
from kagimori.application.deliveries.ports import SeedRefused, SeedToSeal
from kagimori.application.deliveries.vendor_file import Head
from kagimori.application.grid_cards.printing_ports import DrawnCard
from kagimori.domain.errors import HsmUnavailable
from kagimori.domain.token import SealedSeed, TokenIdentity

_ENOUGH: Final = 16_384
"""Seeds after which the HSM is entered anew: SoftHSM keeps some 250 octets of each
until it is left."""


class HsmImportVault:
    """A `DeliveryVault` and a `CardPress` over the Rust extension.

    Its calls work in threads of their own, with the interpreter let go: the event
    loop can read on meanwhile.
    """

    def __init__(self, enter: Callable[[], core.ImportVault]) -> None:
        """``enter`` opens the HSM; see `open`."""
        self._enter = enter
        self._vault = enter()
        self._sealed = 0
        self._turn = Lock()
        self._delivery: tuple[Head, core.DeliveryKeys] | None = None

    @classmethod
    def open(
        cls,
        hsm: Hsm,
        importing: PartitionLogin | None,
        *,
        allow_host_transient: bool,
        allow_clear_text: bool = False,
        door: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> HsmImportVault:
        """Log in to the partitions and find every key, or raise `VaultRefused`.

        ``door`` is held while the HSM is entered, now and whenever it is anew.
        """

        def enter() -> core.ImportVault:
            with door():
                return core.ImportVault.open(
                    module=hsm.module,
                    serving=partition_of(hsm.serving),
                    importing=partition_of(importing) if importing else None,
                    policy=key_policy.policy_text(),
                    provider=provider_of(hsm.provider),
                    canaries=[canary_of(canary) for canary in hsm.canaries],
                    allow_host_transient=allow_host_transient,
                    allow_clear_text=allow_clear_text,
                )

        try:
            return cls(enter)
        except (core.HsmError, core.PolicyError) as error:
            raise VaultRefused(str(error.args[0])) from None

    async def seal(
        self, tenant: str, head: Head, seeds: Sequence[SeedToSeal]
    ) -> list[SealedSeed | SeedRefused]:
        """See `DeliveryVault.seal`."""
        return await asyncio.to_thread(self._seal, tenant, head, seeds)

    async def draw_cards(self, tenant: str, count: int) -> list[DrawnCard]:
        """See `CardPress.draw_cards`; ten thousand at most."""
        return await asyncio.to_thread(self._draw_cards, tenant, count)

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        """See `DeliveryVault.row_macs`."""
        return await asyncio.to_thread(self._row_macs, identities)

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        """See `DeliveryVault.fingerprint`."""
        try:
            with self._turn:
                return self._vault.fingerprint(tenant, message)
        except core.HsmError as error:
            raise translated(error) from None

    def close(self) -> None:
        """Leave the HSM, and forget a password's key."""
        self._delivery = None
        self._vault.close()

    def _seal(
        self, tenant: str, head: Head, seeds: Sequence[SeedToSeal]
    ) -> list[SealedSeed | SeedRefused]:
        try:
            with self._turn:
                self._enter_anew_after(len(seeds))
                return answers_of(self._vault.seal(self._keys_of(head), tenant, seeds_of(seeds)))
        except core.SeedError as error:
            raise refusal_of(error) from None
        except core.HsmError as error:
            raise translated(error) from None

    def _draw_cards(self, tenant: str, count: int) -> list[DrawnCard]:
        try:
            with self._turn:
                self._enter_anew_after(count)
                drawn = self._vault.draw_cards(tenant, count)
        except core.HsmError as error:
            raise translated(error) from None
        except core.PolicyError as error:
            raise _away("the HSM keeps no seed that it draws", str(error)) from None
        return [DrawnCard(sealed_of(sealed), tuple(cells)) for sealed, cells in drawn]

    def _row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        rows = [row_of(identity, b"") for identity in identities]
        try:
            with self._turn:
                return self._vault.row_macs(rows)
        except core.HsmError as error:
            raise translated(error) from None

    def _enter_anew_after(self, seeds: int) -> None:
        """Leave the HSM and enter it again, now and then; the turn is ours."""
        self._sealed += seeds
        if self._sealed > _ENOUGH:
            self._vault.close()
            self._vault = self._entered_anew()
            self._sealed = seeds

    def _entered_anew(self) -> core.ImportVault:
        try:
            return self._enter()
        except (core.PolicyError, OSError) as error:
            # It was entered by the same settings before: nothing is wrong with the seeds.
            raise _away("the HSM cannot be entered again", str(error)) from None

    def _keys_of(self, head: Head) -> core.DeliveryKeys:
        """Derive a password's key once for a file, and not for each of its batches."""
        known = self._delivery
        if known is None or known[0] != head:
            known = self._delivery = head, keys_of(head)
        return known[1]


def _away(message: str, why: str) -> HsmUnavailable:
    unavailable = HsmUnavailable(message, RETRY_FATAL_AFTER)
    unavailable.add_note(why)
    return unavailable
