# SPDX-License-Identifier: Apache-2.0
"""``kagimori print-cards`` against the real HSM: what is printed, and what becomes of it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from development import environment
from support.custody.hsm import MODULE
from support.databases.postgres import Cluster
from support.post.printing import CUSTOMERS, PrintDesk

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]


def test_each_customer_gets_a_card_that_the_shop_can_print(desk: PrintDesk) -> None:
    said = desk.print(*CUSTOMERS)
    cards = desk.shop.read(desk.target)
    assert [card[1] for card in cards] == list(CUSTOMERS)
    assert all(re.fullmatch(r"GC[0-9A-Z]{10}", card[0]) for card in cards)
    assert all(re.fullmatch(r"[0-9]{4}", cell) for card in cards for cell in card[2:])
    assert {len(card) for card in cards} == {10}
    assert desk.live() == desk.printed(desk.target)
    assert "print-cards: 3 cards printed; 0 earlier ones are void" in said
    assert not desk.partial.exists()


def test_what_is_said_tells_the_shop_from_others_and_the_file_from_others(
    desk: PrintDesk,
) -> None:
    said = desk.print(*CUSTOMERS)
    digest = hashlib.sha256(desk.target.read_bytes()).hexdigest()
    assert f"OUT  {desk.target}: SHA-256 {digest}" in said
    assert "to   CN=カード印刷所: SHA-256 " in said


def test_all_cells_differ_between_cards(desk: PrintDesk) -> None:
    desk.print(*CUSTOMERS)
    # Eight cells of four digits are the same by chance once in 10^32.
    assert len({tuple(card[2:]) for card in desk.shop.read(desk.target)}) == len(CUSTOMERS)


def test_a_cards_row_says_where_its_cells_have_been(desk: PrintDesk) -> None:
    desk.print(*CUSTOMERS)
    assert desk.column("custody") == ["CELLS_PRINTED"] * 3
    assert desk.column("state") == ["ACTIVE"] * 3
    run = hashlib.sha256(desk.target.read_bytes()).hexdigest()[:32]
    assert desk.column("card_id") == [f"{run}{place:05}" for place in range(3)]


def test_a_new_card_replaces_the_earlier_one_at_once(desk: PrintDesk, tmp_path: Path) -> None:
    desk.print(*CUSTOMERS)
    before = desk.live()
    desk.target.rename(tmp_path / "first.cms")
    said = desk.print("4712")
    assert "1 cards printed; 1 earlier ones are void" in said
    assert desk.live() == before | desk.printed(desk.target)
    assert desk.live()["4712"] != before["4712"]
    (replaced,) = desk.asked("SELECT number, blob FROM grid_cards WHERE state = 'REPLACED'")
    assert replaced == (before["4712"], b"")


def test_the_audit_log_names_each_card_and_who_had_it_printed(desk: PrintDesk) -> None:
    desk.print(*CUSTOMERS)
    rows = desk.asked("SELECT action, serial, actor FROM audit WHERE action <> 'TENANT'")
    assert [row[:2] for row in rows] == [
        ("PRINT_CARD", number) for number in desk.printed(desk.target).values()
    ]
    assert all(row[2].startswith("os-user:") for row in rows)


def test_more_cards_than_are_drawn_at_a_time_are_all_printed(desk: PrintDesk) -> None:
    customers = [f"customer-{number}" for number in range(600)]
    desk.print(*customers)
    assert list(desk.printed(desk.target)) == customers
    assert desk.live() == desk.printed(desk.target)


def test_the_same_goes_for_postgresql(desk: PrintDesk) -> None:
    with Cluster.running() as cluster:
        text = desk.place.config.read_text()
        url = cluster.create_database()
        desk.place.config.write_text(text.replace(f"sqlite:///{desk.place.database}", url))
        assert environment.apply_tenants(desk.place).returncode == 0
        assert "3 cards printed; 0 earlier" in desk.print(*CUSTOMERS)
        desk.target.unlink()
        assert "2 cards printed; 1 earlier" in desk.print("4711", "4714")
