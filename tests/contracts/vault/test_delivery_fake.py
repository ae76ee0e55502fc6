# SPDX-License-Identifier: Apache-2.0
"""The fake vault keeps the delivery's contract, so that tests may lean on it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key

from contracts.vault.delivery_bench import Answers, Door
from contracts.vault.delivery_contract import DeliveryContract
from contracts.vault.delivery_refusal_contract import RefusalContract
from fakes.delivery_vault import FakeDeliveryVault, seed_of
from kagimori.application.deliveries.ports import SeedToSeal
from kagimori.application.deliveries.vendor_file import Head
from kagimori.domain.token import Hash, SealedSeed, TokenIdentity
from support.tokens import TENANT
from support.vendors.vendor_seals import DES3_KEY, VENDORS, code_of
from support.waiting import waited


class FakeBench:
    def __init__(self) -> None:
        delivery, one_time = (
            generate_private_key(public_exponent=65537, key_size=3072) for _ in range(2)
        )
        self.public: dict[str, RSAPublicKey] = {
            "delivery": delivery.public_key(),
            "onetime": one_time.public_key(),
        }
        aes = {name: key for name, (_, key) in VENDORS.items() if key and key != DES3_KEY}
        self._vault = FakeDeliveryVault(
            vendors=aes,
            des3={"des3": DES3_KEY},
            delivery={"rsa": delivery},
            one_time={"offline": one_time},
        )

    def seal(self, head: Head, seeds: Sequence[SeedToSeal], door: Door = "importing") -> Answers:
        self._vault.allow_host_transient = self._vault.allow_clear_text = door != "strict"
        self._vault.opens_on_host = door != "serving"
        return waited(self._vault.seal(TENANT, head, seeds))

    def row_macs(self, rows: Sequence[TokenIdentity]) -> list[bytes]:
        return waited(self._vault.row_macs(rows))

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        return self._vault.fingerprint(tenant, message)

    def step_of(self, sealed: SealedSeed, use: Hash, code: str) -> int | None:
        seed = seed_of(sealed)
        return next((step for step in range(10) if code_of(seed, step, use) == code), None)


@pytest.fixture(scope="module")
def bench() -> FakeBench:
    return FakeBench()


class TestFakesDeliveries(DeliveryContract):
    pass


class TestFakesRefusals(RefusalContract):
    pass
