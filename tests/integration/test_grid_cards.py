# SPDX-License-Identifier: Apache-2.0
"""A grid card on SoftHSM and SQLite: drawn in one process's vault, asked by another's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kagimori.adapters.vault import HsmImportVault, HsmVault, Sessions
from kagimori.application.grid_cards.printing_ports import DrawnCard
from kagimori.domain.errors import RecordTampered
from kagimori.domain.grid_card import GridOutcome
from support.banks.grid_cards import CardBank
from support.custody.hsm import fresh_hsm
from support.custody.vault import hsm_of
from support.databases.database import TestDatabase
from support.tokens import OTHER_TENANT, TENANT
from support.waiting import waited

pytestmark = pytest.mark.softhsm

OTHER = "subscriber-2"
ROUNDS = 12


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[CardBank, dict[str, DrawnCard]]]:
    """A bank, and the two cards that its customers hold."""
    files = fresh_hsm(tmp_path_factory.mktemp("hsm"), {"abukuma": TENANT, "kakeshin": OTHER_TENANT})
    database = TestDatabase(tmp_path_factory.mktemp("database"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(files.conf))
        press = HsmImportVault.open(hsm_of(files), None, allow_host_transient=False)
        mine, others = waited(press.draw_cards(TENANT, 2))
        press.close()
        vault = HsmVault.open(hsm_of(files), Sessions(2, wait=5, cache_entries=8, cache_seconds=60))
        bank = CardBank(database, vault)
        bank.print_card(sealed=mine.sealed)
        bank.print_card(OTHER, "card-2", "GC0123456780", others.sealed)
        yield bank, {"mine": mine, "others": others}
        vault.close()
        database.close()


def test_who_holds_the_card_answers_whatever_is_asked(
    house: tuple[CardBank, dict[str, DrawnCard]],
) -> None:
    bank, cards = house
    for _ in range(ROUNDS):
        challenge = bank.challenge()
        cells = [
            cards["mine"].cells[place] for place in (challenge.pair.first, challenge.pair.second)
        ]
        assert bank.give(challenge, (cells[0], cells[1])).outcome is GridOutcome.ACCEPTED


def test_who_holds_another_card_does_not(house: tuple[CardBank, dict[str, DrawnCard]]) -> None:
    bank, cards = house
    challenge = bank.challenge(OTHER)
    places = challenge.pair.first, challenge.pair.second
    mine, others = (tuple(cards[whose].cells[at] for at in places) for whose in ("mine", "others"))
    if mine == others:
        pytest.skip("the two cards show the same there, once in a hundred million times")
    verdict = bank.give(challenge, (mine[0], mine[1]), subscriber=OTHER)
    assert (verdict.outcome, verdict.attempts_left) == (GridOutcome.REJECTED, 4)


def test_a_card_that_was_moved_to_another_customer_answers_for_nobody(
    house: tuple[CardBank, dict[str, DrawnCard]],
) -> None:
    bank, cards = house
    thief = "subscriber-3"
    bank.print_card(thief, "card-3", "GC0123456781", cards["mine"].sealed)
    bank.database.run(
        "UPDATE grid_cards SET row_mac = (SELECT row_mac FROM grid_cards WHERE card_id = 'card-1')"
        " WHERE card_id = 'card-3'"
    )
    challenge = bank.challenge(thief)
    shown = cards["mine"].cells
    with pytest.raises(RecordTampered):
        bank.give(
            challenge,
            (shown[challenge.pair.first], shown[challenge.pair.second]),
            subscriber=thief,
        )
    assert bank.row("card-3")["failures"] == 0
    assert bank.challenge(thief) == challenge
