# SPDX-License-Identifier: Apache-2.0
"""What a stock of grid cards promises to who prints them, whatever it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from fakes.press import FakePress
from kagimori.adapters.sql.database import Database
from kagimori.adapters.sql.inventory.card_stock import SqlCardStock
from kagimori.application.grid_cards.ports import card_identity
from kagimori.application.grid_cards.printing_ports import NewCard
from kagimori.domain.errors import StoreUnavailable
from support.databases.database import AnyDatabase
from support.tokens import OTHER_TENANT, TENANT
from support.waiting import waited

ACTOR = "os-user:keeper"
RUN = "0123456789abcdef0123456789abcdef"
LATER = "fedcba9876543210fedcba9876543210"


class CardBench:
    """A real database and the stock on it."""

    def __init__(self, database: AnyDatabase) -> None:
        self._database = database
        self.press = FakePress()
        self.opened: Database = database.open()
        self.stock = SqlCardStock(self.opened)

    def cards(
        self, customers: Sequence[str], run: str = RUN, tenant: str = TENANT, prefix: str = "GC"
    ) -> list[NewCard]:
        """Draw a card for each customer."""
        drawn = waited(self.press.draw_cards(tenant, len(customers)))
        rows = [
            card_identity(tenant, f"{run}{n:05}", f"{prefix}{n:010}", customer, card.sealed)
            for n, (customer, card) in enumerate(zip(customers, drawn, strict=True))
        ]
        return [NewCard(row, self.press.vault.row_mac(row)) for row in rows]

    def add(self, cards: Sequence[NewCard]) -> int:
        return waited(self.stock.add(cards, ACTOR))

    def printed(self, run: str = RUN) -> int:
        return waited(self.stock.printed(run))

    def rows(self, where: str = "1 = 1") -> Sequence[Any]:
        return self._database.run(f"SELECT * FROM grid_cards WHERE {where} ORDER BY card_id")  # noqa: S608 - our own

    def audit(self) -> list[tuple[str, str, str, str]]:
        rows = self._database.run("SELECT * FROM audit ORDER BY id")
        return [(row["action"], row["token_id"], row["serial"], row["actor"]) for row in rows]

    def run(self, statement: str, *values: str | int | None) -> None:
        self._database.run(statement, *values)


class CardStockContract:
    """Needs a fixture ``bench``: a `CardBench`."""

    def test_a_card_is_kept_as_it_was_drawn(self, bench: CardBench) -> None:
        (new,) = bench.cards(["hanako"])
        assert bench.add([new]) == 0
        (row,) = bench.rows()
        identity = new.identity
        assert (row["tenant"], row["card_id"]) == (TENANT, f"{RUN}00000")
        assert (row["number"], row["subscriber"]) == ("GC0000000000", "hanako")
        assert (row["custody"], row["state"]) == ("CELLS_PRINTED", "ACTIVE")
        assert bytes(row["blob"]) == identity.seed.blob
        assert bytes(row["row_mac"]) == new.row_mac
        assert (row["seed_length"], row["key_version"]) == (32, 1)
        assert row["wrap_format"] == identity.seed.wrap_format
        assert row["generation"] == 1
        assert row["printed_at"] > 0
        assert (row["failures"], row["day_failures"], row["unlock_failures"]) == (0, 0, 0)
        assert (row["challenge_id"], row["first_place"]) == (None, None)

    def test_each_card_has_an_audit_row(self, bench: CardBench) -> None:
        bench.add(bench.cards(["hanako", "taro"]))
        assert bench.audit() == [
            ("PRINT_CARD", f"{RUN}00000", "GC0000000000", ACTOR),
            ("PRINT_CARD", f"{RUN}00001", "GC0000000001", ACTOR),
        ]

    def test_a_customers_earlier_card_is_replaced_and_its_seed_destroyed(
        self, bench: CardBench
    ) -> None:
        bench.add(bench.cards(["hanako", "taro"]))
        assert bench.add(bench.cards(["hanako"], LATER, prefix="GD")) == 1
        (before,) = bench.rows("number = 'GC0000000000'")
        assert (before["state"], before["subscriber"]) == ("REPLACED", None)
        assert (bytes(before["blob"]), bytes(before["row_mac"])) == (b"", b"")
        assert before["generation"] == 2
        assert {row["subscriber"] for row in bench.rows("state = 'ACTIVE'")} == {"hanako", "taro"}
        assert bench.audit()[2:] == [
            ("REPLACE_CARD", f"{RUN}00000", "GC0000000000", ACTOR),
            ("PRINT_CARD", f"{LATER}00000", "GD0000000000", ACTOR),
        ]

    def test_a_locked_card_is_replaced_by_one_that_is_not(self, bench: CardBench) -> None:
        bench.add(bench.cards(["hanako"]))
        bench.run("UPDATE grid_cards SET state = 'LOCKED', failures = 5, day_failures = 5")
        assert bench.add(bench.cards(["hanako"], LATER, prefix="GD")) == 1
        (row,) = bench.rows("subscriber = 'hanako'")
        assert (row["state"], row["failures"], row["day_failures"]) == ("ACTIVE", 0, 0)

    def test_a_challenge_ends_with_its_card(self, bench: CardBench) -> None:
        bench.add(bench.cards(["hanako"]))
        bench.run(
            "UPDATE grid_cards SET challenge_id = ?, answer_by = 1, first_place = 0, "
            "second_place = 1, answered_by = ?, fingerprint = 'f', outcome = 'REJECTED', "
            "attempts_left = 4",
            *["0" * 8 + "-0000-4000-8000-" + "0" * 12] * 2,
        )
        bench.add(bench.cards(["hanako"], LATER, prefix="GD"))
        (before,) = bench.rows("state = 'REPLACED'")
        columns = ("challenge_id", "answer_by", "answered_by", "fingerprint", "outcome")
        assert [before[column] for column in (*columns, "attempts_left")] == [None] * 6

    def test_another_tenants_customer_of_the_same_name_keeps_his_card(
        self, bench: CardBench
    ) -> None:
        bench.add(bench.cards(["hanako"], tenant=OTHER_TENANT))
        assert bench.add(bench.cards(["hanako"], LATER)) == 0
        assert {row["tenant"] for row in bench.rows("state = 'ACTIVE'")} == {TENANT, OTHER_TENANT}

    def test_all_of_a_run_is_added_or_nothing(self, bench: CardBench) -> None:
        bench.add(bench.cards(["hanako"]))
        before = bench.rows(), bench.audit()
        # The last card's number is another customer's card's.
        many = bench.cards([f"customer-{n}" for n in range(2_500)], LATER, prefix="GD")
        with pytest.raises(StoreUnavailable, match="nothing was changed"):
            bench.add([*many, *bench.cards(["hanako"], LATER[::-1])])
        assert (bench.rows(), bench.audit()) == before

    def test_a_large_run_is_one_transaction_and_complete(self, bench: CardBench) -> None:
        customers = [f"customer-{n}" for n in range(2_500)]
        assert bench.add(bench.cards(customers)) == 0
        assert bench.add(bench.cards(customers, LATER, prefix="GD")) == 2_500
        assert len(bench.rows("state = 'ACTIVE'")) == 2_500
        assert len(bench.rows("state = 'REPLACED'")) == 2_500
        assert len({row["printed_at"] for row in bench.rows("state = 'ACTIVE'")}) == 1
        assert len(bench.audit()) == 7_500

    def test_it_is_known_which_files_cards_were_ever_live(self, bench: CardBench) -> None:
        assert bench.printed() == 0
        bench.add(bench.cards(["hanako", "taro"], tenant=OTHER_TENANT))
        assert (bench.printed(), bench.printed(LATER)) == (2, 0)
        bench.add(bench.cards(["hanako", "taro"], LATER, OTHER_TENANT, prefix="GD"))
        assert (bench.printed(), bench.printed(LATER)) == (2, 2)
