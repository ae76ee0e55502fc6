# SPDX-License-Identifier: Apache-2.0
"""How every `Shelf` lists tokens: in order, page by page."""

from __future__ import annotations

from datetime import UTC, datetime

from contracts.inventory.shelf_bench import (
    add,
    all_pages,
    in_state,
    named,
    serials,
    shelf_of,
)
from contracts.sql_bench import SqlBench
from kagimori.application.deliveries.ports import NewToken
from kagimori.application.inventory.shelf_ports import (
    EXPIRED,
    STATES,
    Wanted,
)
from kagimori.domain.device import Validity
from kagimori.domain.lifecycle import DESTROYED, NOBODYS, State
from kagimori.domain.token import (
    CustodyLabel,
    SealedSeed,
)
from support.tokens import OTHER_TENANT, identity, token


class ListContract:
    def test_a_list_is_in_order_and_has_each_once(self, bench: SqlBench) -> None:
        numbers = [(number * 1543) % 2500 for number in range(2500)]
        add(bench, [NewToken(named(number)) for number in numbers])
        bench.inventory.add([token(identity(tenant=OTHER_TENANT))], "importer")
        found = all_pages(shelf_of(bench), Wanted())
        listed = [token.serial for page in found for token in page.tokens]
        assert listed == [f"S{number:05}" for number in range(2500)]
        assert [len(page.tokens) for page in found] == [1000, 1000, 500]
        assert [page.end for page in found] == ["S00999", "S01999", None]

    def test_few_among_many_are_found_page_by_page(self, bench: SqlBench) -> None:
        add(
            bench,
            [
                NewToken(
                    named(number, state=State.RETURNED if number in {7, 1700} else State.IN_STOCK)
                )
                for number in range(2500)
            ],
        )
        found = all_pages(shelf_of(bench), Wanted(frozenset({"RETURNED"})))
        assert [[token.serial for token in page.tokens] for page in found] == [
            ["S00007"],
            ["S01700"],
            [],
        ]

    def test_a_full_last_page_is_followed_by_nothing(self, bench: SqlBench) -> None:
        add(bench, [NewToken(named(number)) for number in range(1000)])
        assert [len(page.tokens) for page in all_pages(shelf_of(bench), Wanted())] == [1000, 0]

    def test_no_tokens_are_a_page_too(self, bench: SqlBench) -> None:
        assert [page.tokens for page in all_pages(shelf_of(bench), Wanted())] == [()]

    def test_prefix_custody_delivery_and_holder_narrow_it(self, bench: SqlBench) -> None:
        clear = SealedSeed(b"sealed", "AES-KWP", 1, 20, CustodyLabel.CLEAR_TEXT)
        delivery_id = add(
            bench,
            [
                NewToken(named(1)),
                NewToken(named(2, row={"seed": clear})),
                NewToken(named(10, subscriber="somebody")),
            ],
        )
        bench.inventory.add([named(11, row={"seed": clear})], "importer")
        shelf = shelf_of(bench)
        assert serials(shelf, Wanted(prefix="S0000")) == ["S00001", "S00002"]
        assert serials(shelf, Wanted(prefix="s0")) == []
        assert serials(shelf, Wanted(prefix="S_0")) == []
        assert serials(shelf, Wanted(custody=CustodyLabel.CLEAR_TEXT)) == ["S00002", "S00011"]
        assert serials(shelf, Wanted(delivery_id=delivery_id)) == ["S00001", "S00002", "S00010"]
        assert serials(shelf, Wanted(is_bound=True)) == ["S00010"]
        assert serials(shelf, Wanted(is_bound=False, prefix="S0001")) == ["S00011"]

    def test_each_state_is_found_by_its_word_and_the_expired_by_theirs(
        self, bench: SqlBench
    ) -> None:
        over = Validity(None, datetime(2020, 1, 1, tzinfo=UTC))
        news = []
        for number, state in enumerate(State):
            seed = in_state(state).identity.seed
            for place, validity in ((number, Validity()), (number + 100, over)):
                holder = None if state in NOBODYS else f"holder-{place}"
                one = named(place, subscriber=holder, state=state, row={"seed": seed})
                news.append(NewToken(one, validity))
        add(bench, news)
        shelf = shelf_of(bench)
        alive = [number for number, state in enumerate(State) if state not in DESTROYED]
        for number, state in enumerate(State):
            both = [number, number + 100] if state in DESTROYED else [number]
            assert serials(shelf, Wanted(frozenset({state}))) == [f"S{n:05}" for n in both]
        expired = [f"S{number + 100:05}" for number in alive]
        assert serials(shelf, Wanted(frozenset({EXPIRED}))) == expired
        assert len(serials(shelf, Wanted(frozenset(STATES)))) == 2 * len(State)
        for page in all_pages(shelf, Wanted()):
            called = {token.serial: token.called(page.now) for token in page.tokens}
            assert {serial for serial, word in called.items() if word == EXPIRED} == set(expired)
