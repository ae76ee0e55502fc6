# SPDX-License-Identifier: Apache-2.0
"""What the inventory needs of the world: a stock, and a vault that opens deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from kagimori.application.deliveries.vendor_file import EncryptedSeed, Head
from kagimori.domain.device import Device, Validity
from kagimori.domain.token import Hash, SealedSeed, Token, TokenIdentity
from kagimori.domain.value import value

# --- the stock ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """A vendor's file for one tenant (its service ID). ``digest`` is the file's SHA-256.

    ``actor`` is who brings it in, for the audit log.
    """

    tenant: str
    digest: bytes
    vendor: str
    actor: str


@value(frozen=True, slots=True)
class NewToken:
    """A token as a delivery brings it in: its row, and what the vendor says of it."""

    token: Token
    validity: Validity = Validity()
    device: Device = Device()


@value(frozen=True, slots=True)
class Known:
    """A token that the tenant has: which delivery it came with, if with any."""

    serial: str
    delivery_id: str | None


@value(frozen=True, slots=True)
class Added:
    """A new token is in the inventory."""

    serial: str


@value(frozen=True, slots=True)
class Duplicate:
    """The serial was there before; the old token is untouched."""

    serial: str


class Stock(Protocol):
    """The tokens of all tenants, as deliveries change them. Each call is one transaction."""

    async def begin(self, delivery: Delivery) -> str:
        """Return the delivery's ID (32 characters): the same for the same tenant and digest."""
        ...

    async def known(self, tenant: str, serials: Sequence[str]) -> dict[str, Known]:
        """Return those of ``serials`` that the tenant has already, by serial."""
        ...

    async def add(
        self, delivery_id: str, tokens: Sequence[NewToken], actor: str
    ) -> list[Added | Duplicate]:
        """Insert all in one durable transaction, with an audit row for each.

        A serial that is there is left alone. Raises `InvalidField` if a subscriber
        would hold two tokens; then none of ``tokens`` is added.
        """
        ...

    async def condemn(
        self, tenant: str, delivery_id: str, serials: Sequence[str], actor: str
    ) -> set[str]:
        """Make those of ``serials`` DEFECTIVE that came with the delivery and are IN_STOCK.

        Returns which they were.
        """
        ...

    async def finish(self, tenant: str, delivery_id: str) -> datetime:
        """Note that all of the delivery was read; return when it first was (UTC)."""
        ...


# --- the vault ----------------------------------------------------------------


@value(frozen=True, slots=True)
class SeedToSeal:
    """A vendor's seed, and the hash that its token computes codes with."""

    seed: EncryptedSeed
    use: Hash


class SeedRefused(Exception):
    """A seed cannot be taken over; ``reason`` is for the import report.

    Reasons: MAC_MISMATCH, MAC_MISSING, UNWRAP_FAILED, SEED_TOO_SHORT,
    HOST_TRANSIENT_NOT_ALLOWED, CLEAR_TEXT_NOT_ALLOWED, UNSUPPORTED_ALGORITHM,
    UNKNOWN_VENDOR.
    """

    def __init__(self, reason: str, detail: str) -> None:
        """``detail`` is a sentence for people; it never quotes key material."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class DeliveryVault(Protocol):
    """Moves a delivery's seeds under a tenant's wrapping key."""

    async def seal(
        self, tenant: str, head: Head, seeds: Sequence[SeedToSeal]
    ) -> list[SealedSeed | SeedRefused]:
        """Check each MAC, then open and reseal; answers are in order.

        Raises `SeedRefused` where the head itself is refused: no key, a wrong
        password, a MAC key that does not open, a label that was not asked for.
        Raises `HsmUnavailable`.
        """
        ...

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        """Return the MACs that bind rows together, in order."""
        ...

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        """Return the digest that `SeedVault.fingerprint` returns."""
        ...


class Seen(Protocol):
    """What of a file was met before, on disk: memory does not grow with the file."""

    def meet(self, met: Sequence[tuple[str, bytes]]) -> list[Earlier]:
        """Note serials and digests of encrypted seeds; return what came before each.

        Within one call the order counts, too.
        """
        ...


@value(frozen=True, slots=True)
class Earlier:
    """What a file held before a token: its serial, or its seed behind ``seed_of``."""

    serial: bool = False
    seed_of: str | None = field(default=None)
