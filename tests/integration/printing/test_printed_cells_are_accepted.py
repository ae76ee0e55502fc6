# SPDX-License-Identifier: Apache-2.0
"""What stands on a customer's card is what the serving process accepts, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kagimori import config
from kagimori.adapters.vault import HsmVault
from kagimori.application.grid_cards.ports import card_identity
from kagimori.bootstrap.parts import hsm_of, sessions_of
from kagimori.domain.errors import RecordTampered
from kagimori.domain.grid_card import PAIRS, Cells
from kagimori.domain.token import CustodyLabel, SealedSeed, TokenIdentity
from support.custody.hsm import MODULE
from support.post.printing import CUSTOMERS, PrintDesk
from support.tokens import TENANT
from support.waiting import waited

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]


_ASKED = """
SELECT card_id, number, subscriber, wrap_format, key_version, seed_length, blob, row_mac
FROM grid_cards ORDER BY rowid
"""


@pytest.fixture
def vault(desk: PrintDesk, monkeypatch: pytest.MonkeyPatch) -> Iterator[HsmVault]:
    """The serving process's vault on the HSM that the cards were printed with."""
    section = config.load(desk.place.config).hsm
    for name, value in section.environment.items():
        monkeypatch.setenv(name, value)
    vault = HsmVault.open(hsm_of(section), sessions_of(section))
    yield vault
    vault.close()


def test_the_printed_cells_are_accepted_at_every_pair_of_places(
    desk: PrintDesk, vault: HsmVault
) -> None:
    desk.print(*CUSTOMERS)
    for (identity, row_mac), cells in zip(_rows(desk), _cells(desk), strict=True):
        for pair in PAIRS:
            first, second = cells[pair.first], cells[pair.second]
            for answer, accepted in (
                (Cells(first, second), True),
                (Cells(_other(first), second), False),
                (Cells(first, _other(second)), False),
            ):
                matched = waited(vault.cells_match(identity, row_mac, pair, answer))
                assert matched is accepted, pair


def test_a_card_that_is_moved_to_another_customer_is_not_used(
    desk: PrintDesk, vault: HsmVault
) -> None:
    desk.print(*CUSTOMERS)
    (identity, row_mac), *_ = _rows(desk)
    (first, second, *_), *_ = _cells(desk)
    moved = card_identity(
        TENANT, identity.token_id, identity.serial, "somebody else", identity.seed
    )
    with pytest.raises(RecordTampered):
        waited(vault.cells_match(moved, row_mac, PAIRS[0], Cells(first, second)))


def _rows(desk: PrintDesk) -> list[tuple[TokenIdentity, bytes]]:
    """Return the cards as the database has them, in the order of their printing."""
    label, rows = CustodyLabel.CELLS_PRINTED, []
    for card_id, number, subscriber, *sealing, row_mac in desk.asked(_ASKED):
        wrap_format, key_version, seed_length, blob = sealing
        sealed = SealedSeed(blob, wrap_format, key_version, seed_length, label)
        rows.append((card_identity(TENANT, card_id, number, subscriber, sealed), row_mac))
    return rows


def _cells(desk: PrintDesk) -> list[list[str]]:
    return [card[2:] for card in desk.shop.read(desk.target)]


def _other(cell: str) -> str:
    return f"{(int(cell) + 1) % 10_000:04}"
