# SPDX-License-Identifier: Apache-2.0
"""The fake vault keeps the vault's contracts, so that tests may lean on it."""

from __future__ import annotations

import pytest

from contracts.vault.cells_contract import CellsContract
from contracts.vault.envelope_contract import EnvelopeContract
from contracts.vault.pair_contract import PairContract
from contracts.vault.signature_vault_contract import (
    SCANNED,
    STEP,
    STEPS,
    TYPED,
    SignatureVaultContract,
    check,
    code_over,
    signer_of,
)
from contracts.vault.vault_contract import VaultContract
from fakes.vault import FakeVault
from kagimori.application.ports import Match, NoMatch, SearchFailed
from kagimori.domain.errors import HsmUnavailable
from kagimori.domain.grid_card import Cells, Pair
from kagimori.domain.token import Hash, Profile, SealedSeed, TokenIdentity
from support.phones.envelopes import seal
from support.tokens import TENANT, identity
from support.waiting import waited


class FakeBench:
    def __init__(self) -> None:
        self.vault = FakeVault()

    def seal(self, tenant: str, seed: bytes, profile: Profile) -> SealedSeed:
        del profile
        return self.vault.seal(tenant, seed)

    def row_mac(self, of: TokenIdentity) -> bytes:
        return self.vault.row_mac(of)

    def provisioning_pem(self, tenant: str) -> str:
        return self.vault.provisioning_pem(tenant)


@pytest.fixture
def bench() -> FakeBench:
    return FakeBench()


class TestFakeVault(VaultContract):
    pass


class TestFakesPairs(PairContract):
    pass


class TestFakesSignatures(SignatureVaultContract):
    pass


class TestFakesCards(CellsContract):
    pass


class TestFakesEnvelopes(EnvelopeContract):
    pass


def test_after_a_rotation_the_fake_knows_both_versions(bench: FakeBench) -> None:
    vault = bench.vault
    before = waited(vault.password_mac(TENANT, b"4711"))
    vault.newest = 2
    after = waited(vault.password_mac(TENANT, b"4711"))
    assert (before[1], after[1]) == (1, 2)
    assert waited(vault.password_mac(TENANT, b"4711", 1)) == before
    assert before[0] != after[0]
    old, new = (seal(vault.provisioning_pem(TENANT, version), bytes(64)) for version in (1, 2))
    (first,) = waited(vault.seal_envelopes(TENANT, 1, [old], Hash.SHA1))
    (second,) = waited(vault.seal_envelopes(TENANT, 2, [new], Hash.SHA1))
    assert (first.key_version, second.key_version) == (2, 2)


def test_the_fake_counts_signatures_and_fails_them_as_it_is_told(bench: FakeBench) -> None:
    vault, signer = bench.vault, signer_of(bench)
    trouble = HsmUnavailable("told to", 0.5)
    for evaluated in (0, 1):
        vault.fail_next(trouble, evaluated)
        answer = check(bench, signer, SCANNED, code_over(SCANNED))
        assert answer == SearchFailed(trouble, evaluated)
    assert (vault.searches, vault.codes) == (2, 0)
    assert check(bench, signer, TYPED, code_over(TYPED, STEP), STEPS) == Match(STEP)
    assert check(bench, signer, TYPED, code_over(TYPED, STEP - 3), STEPS) == NoMatch()
    assert (vault.searches, vault.codes) == (4, 6)
    vault.go_down()
    answer = check(bench, signer, SCANNED, code_over(SCANNED))
    assert isinstance(answer, SearchFailed)
    assert answer.evaluated == 0


def test_a_fake_that_is_down_does_nothing(bench: FakeBench) -> None:
    vault = bench.vault
    vault.go_down()
    for call in (
        vault.password_mac(TENANT, b"4711"),
        vault.seal_envelopes(TENANT, 1, [b""], Hash.SHA1),
        vault.row_macs([]),
        vault.cells_match(identity(), b"", Pair(0, 1), Cells("0000", "0000")),
    ):
        with pytest.raises(HsmUnavailable):
            waited(call)
