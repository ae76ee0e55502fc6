# SPDX-License-Identifier: Apache-2.0
"""What every `CardVault` must do, whatever computes its HMACs.

A test module makes it its own by a subclass and a fixture ``bench``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import pytest

from contracts.vault.vault_contract import HOTP_SEED, OTHER_SEED
from kagimori.application.grid_cards.ports import PROFILE, CardVault, card_identity
from kagimori.domain.errors import RecordTampered
from kagimori.domain.grid_card import COLUMNS, PAIRS, CardKind, Cells, Pair
from kagimori.domain.token import CustodyLabel, Kind, Profile, Purpose, SealedSeed, TokenIdentity
from support.phones.oath import cell_of
from support.tokens import OTHER_TENANT, TENANT, rfc4226
from support.waiting import waited

SHOWN = tuple(vector.code[-4:] for vector in rfc4226()[: len(COLUMNS)])
"""What a card of the RFC's seed shows: the last four digits of Appendix D's codes."""


class Bench(Protocol):
    """A vault, and what an importing process would do for it."""

    @property
    def vault(self) -> CardVault: ...

    def seal(self, tenant: str, seed: bytes, profile: Profile) -> SealedSeed: ...

    def row_mac(self, of: TokenIdentity) -> bytes: ...


def card_of(bench: Bench, seed: bytes = HOTP_SEED, tenant: str = TENANT) -> TokenIdentity:
    sealed = replace(bench.seal(tenant, seed, PROFILE), custody=CustodyLabel.CELLS_PRINTED)
    return card_identity(tenant, "card-1", "GC0123456789", "subscriber-1", sealed)


def ask(
    bench: Bench, card: TokenIdentity, pair: Pair, cells: tuple[str, str], mac: bytes | None = None
) -> bool:
    mac = bench.row_mac(card) if mac is None else mac
    return waited(bench.vault.cells_match(card, mac, pair, Cells(*cells)))


def columns(pair: Pair) -> str:
    return f"{pair.first}-{pair.second}"


class CellsContract:
    @pytest.mark.parametrize("pair", PAIRS, ids=columns)
    def test_the_cells_are_the_last_digits_of_the_rfcs_codes(
        self, bench: Bench, pair: Pair
    ) -> None:
        card = card_of(bench)
        first, second = SHOWN[pair.first], SHOWN[pair.second]
        assert ask(bench, card, pair, (first, second))
        assert not ask(bench, card, pair, (second, first))
        for wrong in ("0000", *(set(SHOWN) - {first, second})):
            assert not ask(bench, card, pair, (first, wrong))
            assert not ask(bench, card, pair, (wrong, second))

    @pytest.mark.parametrize("seed", [HOTP_SEED, OTHER_SEED], ids=["rfc", "other"])
    def test_the_cells_are_what_oathtool_says(self, bench: Bench, seed: bytes) -> None:
        card, shown = card_of(bench, seed), [cell_of(seed, place) for place in range(8)]
        for pair in PAIRS:
            assert ask(bench, card, pair, (shown[pair.first], shown[pair.second]))

    def test_what_another_card_shows_is_wrong(self, bench: Bench) -> None:
        other = card_of(bench, OTHER_SEED)
        assert not ask(bench, other, Pair(0, 1), (SHOWN[0], SHOWN[1]))

    @pytest.mark.parametrize(
        "change",
        [
            {"tenant": OTHER_TENANT},
            {"token_id": "card-2"},
            {"serial": "GC0123456780"},
            {"subscriber": "subscriber-2"},
            {"subscriber": None},
            {"kind": Kind.HARDWARE},
            {"purpose": Purpose.AUTHENTICATION},
            {"profile": replace(PROFILE, digits=8)},
            {"profile": replace(PROFILE, digits=99)},
        ],
        ids=str,
    )
    def test_a_row_that_was_changed_is_tampered(self, bench: Bench, change: dict[str, Any]) -> None:
        card = card_of(bench)
        with pytest.raises(RecordTampered):
            ask(
                bench,
                replace(card, **change),
                Pair(0, 1),
                (SHOWN[0], SHOWN[1]),
                bench.row_mac(card),
            )

    def test_a_tokens_row_passes_for_no_card(self, bench: Bench) -> None:
        card = card_of(bench)
        token = replace(card, kind=Kind.HARDWARE, purpose=Purpose.AUTHENTICATION)
        assert card.kind is CardKind.GRID_CARD
        with pytest.raises(RecordTampered):
            ask(bench, card, Pair(0, 1), (SHOWN[0], SHOWN[1]), bench.row_mac(token))

    def test_a_row_with_anothers_seed_is_tampered(self, bench: Bench) -> None:
        mine, other = card_of(bench), card_of(bench, OTHER_SEED)
        with pytest.raises(RecordTampered):
            ask(
                bench,
                replace(mine, seed=other.seed),
                Pair(0, 1),
                ("0000", "0000"),
                bench.row_mac(mine),
            )

    def test_a_swap_is_noticed_after_the_row_was_used(self, bench: Bench) -> None:
        card = card_of(bench)
        mac = bench.row_mac(card)
        assert ask(bench, card, Pair(0, 1), (SHOWN[0], SHOWN[1]), mac)
        with pytest.raises(RecordTampered):
            ask(bench, replace(card, subscriber="thief"), Pair(0, 1), (SHOWN[0], SHOWN[1]), mac)
