# SPDX-License-Identifier: Apache-2.0
"""Takes a delivery in as somebody sends it, batch after batch, in the serving process.

Only what opens inside the HSM comes in this way: the vault refuses the rest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from kagimori.application.deliveries.intake import Intake
from kagimori.application.deliveries.order import ImportOrder
from kagimori.application.deliveries.ports import (
    Delivery,
    DeliveryVault,
    SeedRefused,
    Seen,
    Stock,
)
from kagimori.application.deliveries.report import Line
from kagimori.application.deliveries.vendor_file import (
    Fault,
    Head,
    MacMethod,
    OneTimeKey,
    PreSharedKey,
    RsaKey,
    TokenFault,
    VendorToken,
)
from kagimori.application.policies import Policies
from kagimori.domain.errors import InvalidField
from kagimori.domain.tenant import TenantPolicy

_RSA: Final = "rsa-"
"""How the names of RSA encryption begin, in XML Encryption."""

_TELLS: Final = "rsa-1_5"
"""PKCS #1 v1.5 tells whoever may ask often enough what it is asked about (RFC 8017 §7.2)."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What is said of a delivery before its tokens come.

    ``tenant`` is the service ID; ``digest`` the SHA-256 of the vendor's file.
    """

    tenant: str
    vendor: str
    digest: bytes
    mac: MacMethod | None = None
    one_time: OneTimeKey | None = None
    dry_run: bool = False


@dataclass(slots=True)
class Reception:
    """A delivery that is being received; its batches come one after the other."""

    announced: Announced
    delivery_id: str | None
    _intake_for: Callable[[Head], Intake]
    _stock: Stock
    _intake: Intake | None = None

    async def take(self, tokens: Sequence[VendorToken]) -> list[Line]:
        """Take a batch; it is durable when this returns. One line each, in order.

        Raises `InvalidField` where the delivery's head is refused, `HsmUnavailable`
        or `StoreUnavailable`; then nothing of the batch is imported.
        """
        if not tokens:
            return []
        if self._intake is None:
            self._intake = self._intake_for(self._head(tokens[0]))
        try:
            lines = await self._intake.take([_unless_it_tells(token) for token in tokens])
        except SeedRefused as refusal:
            raise InvalidField("delivery", str(refusal)) from None
        # A token of an earlier batch that is condemned now has its line there already.
        return lines[: len(tokens)]

    async def finish(self) -> None:
        """Note that all of the delivery has come."""
        if self.delivery_id is not None:
            await self._stock.finish(self.announced.tenant, self.delivery_id)

    def _head(self, token: VendorToken) -> Head:
        announced, vendor = self.announced, self.announced.vendor
        if announced.one_time is not None:
            return Head(announced.one_time, announced.mac)
        is_rsa = token.seed.algorithm.startswith(_RSA)
        return Head(RsaKey(vendor) if is_rsa else PreSharedKey(vendor), announced.mac)


@dataclass(frozen=True, slots=True)
class ReceiveDelivery:
    """The use case. ``spool`` makes an empty `Seen`."""

    vault: DeliveryVault
    stock: Stock
    spool: Callable[[], AbstractContextManager[Seen]]
    policies: Policies

    @asynccontextmanager
    async def __call__(self, announced: Announced, actor: str) -> AsyncIterator[Reception]:
        """Begin to receive; ``actor`` is for the audit log.

        Raises `InvalidField` if there is no such tenant, or `StoreUnavailable`.
        """
        policy = self.policies.get(announced.tenant)
        if policy is None:
            raise InvalidField("delivery.service_id", "no tenant has this service ID")
        order = _order(announced, policy, actor)
        delivery_id = None if announced.dry_run else await self._begin(announced, actor)
        with self.spool() as seen:

            def intake_for(head: Head) -> Intake:
                return Intake(
                    order, head, delivery_id, vault=self.vault, stock=self.stock, seen=seen
                )

            yield Reception(announced, delivery_id, intake_for, self.stock)

    async def _begin(self, announced: Announced, actor: str) -> str:
        delivery = Delivery(announced.tenant, announced.digest, announced.vendor, actor)
        return await self.stock.begin(delivery)


def _unless_it_tells(token: VendorToken) -> VendorToken | TokenFault:
    """Refuse what only a person at the importing process may have opened, once."""
    if token.seed.algorithm != _TELLS:
        return token
    detail = f"{_TELLS} comes in by import-tokens alone: answers to many calls would tell the seed"
    return TokenFault(token.serial, token.line, Fault.UNSUPPORTED, detail)


def _order(announced: Announced, policy: TenantPolicy, actor: str) -> ImportOrder:
    return ImportOrder(
        tenant=announced.tenant,
        vendor=announced.vendor,
        actor=actor,
        max_drift=policy.windows.max_drift,
        subscriber_names=policy.subscriber_names,
        custody=policy.custody,
        dry_run=announced.dry_run,
    )
