# SPDX-License-Identifier: Apache-2.0
"""The HSM behind Rust keeps the vault's contracts: SoftHSM, after a ceremony."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap, aes_key_wrap_with_padding

from contracts.vault.cells_contract import CellsContract
from contracts.vault.envelope_contract import EnvelopeContract
from contracts.vault.pair_contract import PairContract
from contracts.vault.signature_vault_contract import SignatureVaultContract, signer_of
from contracts.vault.vault_contract import SEEDS, VaultContract
from kagimori import core
from kagimori.adapters.vault import HsmImportVault, HsmVault, Sessions
from kagimori.adapters.vault.words import row_of, translated
from kagimori.application.deliveries.ports import SeedToSeal
from kagimori.application.deliveries.vendor_file import EncryptedSeed, Head, PreSharedKey
from kagimori.application.grid_cards.ports import card_identity
from kagimori.application.grid_cards.printing_ports import DrawnCard
from kagimori.application.ports import Match, Search
from kagimori.domain.code import Otp
from kagimori.domain.errors import HsmUnavailable
from kagimori.domain.grid_card import PAIRS, Cells, Pair
from kagimori.domain.lifecycle import State
from kagimori.domain.token import CustodyLabel, Hash, Profile, SealedSeed, Token, TokenIdentity
from kagimori.domain.window import Window
from support import waiting
from support.custody.hsm import HsmFiles, fresh_hsm
from support.custody.vault import hsm_of
from support.ocra import OcraVector, rfc6287
from support.phones.envelopes import provisioning_pem
from support.tokens import OTHER_TENANT, TENANT, identity
from support.waiting import waited

pytestmark = pytest.mark.softhsm

VENDOR = "kagi"
TRANSPORT_KEY = secrets.token_bytes(32)

_DRAWN = 6

Sealed = dict[tuple[str, bytes, Hash], SealedSeed]


@dataclass
class HsmBench:
    """The serving process's vault, and what was imported before it opened."""

    vault: HsmVault
    files: HsmFiles
    sealed: Sealed
    imported_fingerprint: bytes
    drawn: list[DrawnCard]

    def seal(self, tenant: str, seed: bytes, profile: Profile) -> SealedSeed:
        return self.sealed[tenant, seed, profile.hash]

    def row_mac(self, of: TokenIdentity) -> bytes:
        return self.vault.row_mac(of)

    def provisioning_pem(self, tenant: str) -> str:
        return provisioning_pem(self.files, tenant)


class TestSoftHsm(VaultContract):
    pass


class TestSoftHsmsPairs(PairContract):
    pass


class TestSoftHsmsSignatures(SignatureVaultContract):
    pass


class TestSoftHsmsCards(CellsContract):
    pass


class TestSoftHsmsEnvelopes(EnvelopeContract):
    pass


def test_both_doors_give_a_customers_number_the_same_fingerprint(bench: HsmBench) -> None:
    assert bench.imported_fingerprint == bench.vault.fingerprint(TENANT, b"message")


def test_what_is_drawn_for_printing_is_what_is_expected_of_the_customer(bench: HsmBench) -> None:
    assert len({card.sealed.blob for card in bench.drawn}) == _DRAWN
    assert len({card.cells for card in bench.drawn}) == _DRAWN
    for drawn in bench.drawn:
        sealed = drawn.sealed
        assert sealed.custody is CustodyLabel.CELLS_PRINTED
        assert (sealed.length, sealed.key_version) == (32, bench.vault.wrapping_version(TENANT))
        card = card_identity(TENANT, "card-1", "GC0123456789", "subscriber-1", sealed)
        for pair in PAIRS:
            cells = drawn.cells[pair.first], drawn.cells[pair.second]
            assert cells_match(bench, card, pair, Cells(*cells))
            assert not cells_match(bench, card, pair, Cells(cells[0], other_than(cells[1])))
            assert not cells_match(bench, card, pair, Cells(other_than(cells[0]), cells[1]))


def test_a_drawn_cell_ends_the_hotp_code_of_its_place(bench: HsmBench) -> None:
    drawn = bench.drawn[0]
    card = card_identity(TENANT, "card-1", "GC0123456789", "subscriber-1", drawn.sealed)
    token = Token(card, bench.row_mac(card), State.ACTIVE)
    for place, cell in enumerate(drawn.cells):
        window = Window(place, place, place)
        codes = [Otp(f"{front:02d}{cell}") for front in range(100)]
        found = waiting.search(bench.vault, [Search(token, window, code) for code in codes])
        assert found.count(Match(place)) == 1


def test_what_was_drawn_shows_itself_to_nobody(bench: HsmBench) -> None:
    drawn = bench.drawn[0]
    assert repr(drawn) == repr(replace(drawn, cells=()))


def test_where_the_hsm_keeps_no_seed_that_it_draws_a_person_must_see_to_it() -> None:
    lax = cast("core.ImportVault", Lax())
    with pytest.raises(HsmUnavailable) as caught:
        waited(HsmImportVault(lambda: lax).draw_cards(TENANT, 1))
    assert caught.value.retry_after >= 30
    assert caught.value.__notes__ == ["a seed that was drawn can be read"]


class Lax:
    """Stands for the extension over an HSM that would give seeds out."""

    def draw_cards(self, tenant: str, count: int) -> object:
        del tenant, count
        raise core.PolicyError("a seed that was drawn can be read")


def cells_match(bench: HsmBench, card: TokenIdentity, pair: Pair, cells: Cells) -> bool:
    return waited(bench.vault.cells_match(card, bench.row_mac(card), pair, cells))


def other_than(cell: str) -> str:
    return "0000" if cell != "0000" else "0001"


@pytest.mark.parametrize("vector", rfc6287(), ids=str)
def test_the_hsm_computes_every_response_of_rfc_6287(bench: HsmBench, vector: OcraVector) -> None:
    use = Hash(vector.suite.split("-")[2])
    signer = signer_of(bench, vector.key, use)
    row = row_of(signer.identity, signer.row_mac)
    inputs = dict(vector.inputs)
    step = inputs.pop("time_step", None)
    steps = None if step is None else (step, step, step)
    jobs = [
        core.SearchJob.signature(row, vector.suite, vector.question, code, steps, **inputs)
        for code in (vector.response, other_digits_than(vector.response))
    ]
    assert waited(_answers(bench.vault, jobs)) == [step or 0, None]


def test_where_there_is_no_time_a_counter_is_looked_for(bench: HsmBench) -> None:
    counted = [vector for vector in rfc6287() if vector.suite == "OCRA-1:HOTP-SHA512-8:C-QN08"]
    asked = counted[4]
    signer = signer_of(bench, asked.key, Hash.SHA512)
    row = row_of(signer.identity, signer.row_mac)
    jobs = [
        core.SearchJob.signature(row, asked.suite, asked.question, asked.response, steps)
        for steps in ((0, 0, 4), (4, 4, 8), (0, 0, 3), (5, 5, 9))
    ]
    assert waited(_answers(bench.vault, jobs)) == [4, 4, None, None]


async def _answers(
    vault: HsmVault, jobs: list[core.SearchJob]
) -> list[int | core.SearchFailure | None]:
    return await core.ended(vault._vault.search, jobs, 5.0)


def other_digits_than(code: str) -> str:
    return code.translate(str.maketrans("0123456789", "1234567890"))


def test_row_macs_are_those_of_one_row_each(bench: HsmBench) -> None:
    rows = [identity(token_id=f"token-{n}") for n in range(3)]
    assert waited(bench.vault.row_macs(rows)) == [bench.vault.row_mac(row) for row in rows]


def test_a_tenant_without_keys_has_no_version(bench: HsmBench) -> None:
    with pytest.raises(HsmUnavailable, match="99999999"):
        bench.vault.wrapping_version("99999999")


@pytest.mark.parametrize(
    ("recovery", "at_once"),
    [
        ("session", True),
        ("login", True),
        ("object", True),
        ("device", True),
        ("busy", True),
        ("hung", True),
        ("fatal", False),
    ],
)
def test_only_what_can_pass_by_itself_is_worth_asking_again_at_once(
    recovery: str, *, at_once: bool
) -> None:
    failed = core.HsmError("C_Sign returned CKR_X", "C_Sign", "CKR_X", recovery)
    error = translated(failed)
    assert isinstance(error, HsmUnavailable)
    assert (error.retry_after < 1) is at_once
    assert error.retry_after >= 30 or at_once
    (note,) = error.__notes__
    assert "C_Sign returned CKR_X" in note
    assert recovery in note


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HsmBench]:
    tenants = {"abukuma": TENANT, "kakeshin": OTHER_TENANT}
    files = fresh_hsm(
        tmp_path_factory.mktemp("hsm"), tenants, {VENDOR: ("transport", TRANSPORT_KEY)}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(files.conf))
        hsm = hsm_of(files)
        door = HsmImportVault.open(hsm, None, allow_host_transient=False)
        try:
            sealed, fingerprint = _import_all(door), door.fingerprint(TENANT, b"message")
            drawn = waited(door.draw_cards(TENANT, _DRAWN))
        finally:
            door.close()
        vault = HsmVault.open(hsm, Sessions(4, wait=5, cache_entries=8, cache_seconds=60))
        yield HsmBench(vault, files, sealed, fingerprint, drawn)
        vault.close()


def _import_all(door: HsmImportVault) -> Sealed:
    """Bring every seed in as a vendor's file would."""
    head, wanted = Head(PreSharedKey(VENDOR)), sorted(SEEDS)
    seeds = [SeedToSeal(_delivered(seed), use) for seed, use in wanted]
    sealed: Sealed = {}
    for tenant in (TENANT, OTHER_TENANT):
        for (seed, use), answer in zip(wanted, waited(door.seal(tenant, head, seeds)), strict=True):
            assert isinstance(answer, SealedSeed)
            sealed[tenant, seed, use] = answer
    return sealed


def _delivered(seed: bytes) -> EncryptedSeed:
    wrap = aes_key_wrap_with_padding if len(seed) % 8 else aes_key_wrap
    return EncryptedSeed("kw-aes256", wrap(TRANSPORT_KEY, seed))
