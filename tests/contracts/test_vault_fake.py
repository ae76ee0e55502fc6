# SPDX-License-Identifier: Apache-2.0
"""The fake vault keeps the vault's contract, so that tests may lean on it."""

from __future__ import annotations

import pytest

from contracts.vault_contract import VaultContract
from fakes.vault import FakeVault
from kagimori.domain.token import Profile, SealedSeed, TokenIdentity


class FakeBench:
    def __init__(self) -> None:
        self.vault = FakeVault()

    def seal(self, tenant: str, seed: bytes, profile: Profile) -> SealedSeed:
        del profile
        return self.vault.seal(tenant, seed)

    def row_mac(self, of: TokenIdentity) -> bytes:
        return self.vault.row_mac(of)


@pytest.fixture
def bench() -> FakeBench:
    return FakeBench()


class TestFakeVault(VaultContract):
    pass
