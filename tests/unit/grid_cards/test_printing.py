# SPDX-License-Identifier: Apache-2.0
"""What is done to print cards, and in which order."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from fakes.press import FakePress
from kagimori.application.grid_cards.print_order import PrintOrder, PrintRefused, PrintUnfinished
from kagimori.application.grid_cards.printing import PrintCards, Printed, draw_number, run_of
from kagimori.application.grid_cards.printing_ports import NewCard
from kagimori.domain.errors import HsmUnavailable, NotOffered, StoreUnavailable
from kagimori.domain.tenant import SubscriberNames, TenantPolicy
from kagimori.domain.token import CustodyLabel
from support.post.printing import OFFERED

Card = tuple[str, str, tuple[str, ...]]


@dataclass
class Done:
    """What was done, in order; what ``fails`` names fails."""

    steps: list[str] = field(default_factory=list)
    fails: dict[str, Exception] = field(default_factory=dict)

    def __call__(self, step: str) -> None:
        self.steps.append(step)
        if step in self.fails:
            raise self.fails[step]


@dataclass
class PaperShop:
    """A print shop whose sheet is not encrypted."""

    done: Done
    cards: list[Card] = field(default_factory=list)

    @contextmanager
    def sheet(self) -> Iterator[PaperShop]:
        try:
            yield self
        finally:
            self.done("wipe")

    def add(self, number: str, subscriber_ref: str, cells: Sequence[str]) -> None:
        self.cards.append((number, subscriber_ref, tuple(cells)))

    def seal(self) -> bytes:
        self.done("seal")
        return repr(self.cards).encode()


@dataclass
class PaperParcel:
    done: Done
    staged: bytes = b""

    def stage(self, octets: bytes) -> None:
        self.done("stage")
        self.staged = octets

    def release(self) -> None:
        self.done("release")


@dataclass
class PaperStock:
    done: Done
    cards: list[NewCard] = field(default_factory=list)

    async def add(self, cards: Sequence[NewCard], actor: str) -> int:
        self.done(f"store for {actor}")
        self.cards += cards
        return 1

    async def printed(self, run: str) -> int:
        raise NotImplementedError(run)


class Scene:
    """The use case among fakes that write down what is done to them."""

    def __init__(self, press: FakePress | None = None, **fails: Exception) -> None:
        self.press = press or FakePress()
        self.done = Done(fails={step.replace("_", " "): error for step, error in fails.items()})
        self.shop = PaperShop(self.done)
        self.parcel = PaperParcel(self.done)
        self.stock = PaperStock(self.done)

    def print(
        self,
        count: int = 3,
        policy: TenantPolicy = OFFERED,
        *,
        over_after: int | None = None,
        numbers: Callable[[], str] | None = None,
    ) -> Printed:
        use_case = PrintCards(self.press, self.shop, self.stock, numbers)
        order = PrintOrder(policy, customers(count), "keeper")
        asked = iter(range(1_000))
        return asyncio.run(
            use_case(
                order, self.parcel, lambda: over_after is not None and next(asked) >= over_after
            )
        )

    @property
    def steps(self) -> list[str]:
        return self.done.steps

    @property
    def cards(self) -> list[NewCard]:
        return self.stock.cards


def customers(count: int) -> tuple[str, ...]:
    return tuple(f"customer-{number}" for number in range(count))


def test_the_cells_are_encrypted_and_durable_before_a_card_is_live() -> None:
    scene = Scene()
    printed = scene.print()
    assert scene.steps == ["seal", "wipe", "stage", "store for keeper", "release"]
    assert printed == Printed(3, 1, hashlib.sha256(scene.parcel.staged).digest())


def test_each_customer_has_a_card_with_the_cells_that_were_drawn_for_it() -> None:
    scene = Scene()
    scene.print(3)
    assert [cells for _, _, cells in scene.shop.cards] == [card.cells for card in scene.press.cards]
    assert [name for _, name, _ in scene.shop.cards] == list(customers(3))
    rows = [new.identity for new in scene.cards]
    assert [row.seed for row in rows] == [card.sealed for card in scene.press.cards]
    assert [row.serial for row in rows] == [number for number, _, _ in scene.shop.cards]
    assert [row.subscriber for row in rows] == list(customers(3))
    assert {row.tenant for row in rows} == {OFFERED.service_id}
    assert {row.seed.custody for row in rows} == {CustodyLabel.CELLS_PRINTED}


def test_the_row_mac_is_over_the_row() -> None:
    scene = Scene()
    scene.print(2)
    for new in scene.cards:
        assert new.row_mac == scene.press.vault.row_mac(new.identity)


def test_a_cards_name_tells_which_file_it_is_in() -> None:
    scene = Scene()
    scene.print(3)
    names = [new.identity.token_id for new in scene.cards]
    run = hashlib.sha256(scene.parcel.staged).hexdigest()[:32]
    assert names == [run + "00000", run + "00001", run + "00002"]
    assert run_of(scene.parcel.staged) == run


def test_the_hsm_draws_in_batches() -> None:
    scene = Scene()
    scene.print(600)
    assert scene.press.asked == [256, 256, 88]
    assert len(scene.cards) == len({new.identity.token_id for new in scene.cards}) == 600


def test_the_customer_is_kept_as_the_tenant_wants_and_printed_as_the_bank_calls_him() -> None:
    scene = Scene()
    policy = replace(OFFERED, subscriber_names=SubscriberNames.HMAC)
    scene.print(2, policy)
    digests = [
        scene.press.fingerprint(policy.service_id, b"name " + name.encode()).hex()
        for name in customers(2)
    ]
    assert [new.identity.subscriber for new in scene.cards] == digests
    assert [name for _, name, _ in scene.shop.cards] == list(customers(2))


def test_a_number_is_gc_and_ten_characters_of_the_alphabet() -> None:
    numbers = {draw_number() for _ in range(2_000)}
    assert len(numbers) == 2_000
    assert all(re.fullmatch(r"GC[0-9A-Z]{10}", number) for number in numbers)
    drawn = "".join(number[2:] for number in numbers)
    assert len(set(drawn)) == 36


def test_no_two_cards_of_a_run_have_one_number() -> None:
    scene = Scene()
    numbers = iter(["GC0000000001", "GC0000000001", "GC0000000002"])
    scene.print(2, numbers=numbers.__next__)
    assert [new.identity.serial for new in scene.cards] == ["GC0000000001", "GC0000000002"]


def test_a_tenant_without_cards_has_nothing_drawn() -> None:
    scene = Scene()
    with pytest.raises(NotOffered):
        scene.print(policy=replace(OFFERED, registration=None))
    assert (scene.press.asked, scene.steps) == ([], [])


def test_an_hsm_that_goes_away_leaves_nothing_behind_and_the_sheet_wiped() -> None:
    scene = Scene(FakePress(draws_left=1))
    with pytest.raises(HsmUnavailable):
        scene.print(300)
    assert scene.steps == ["wipe"]


def test_an_interruption_ends_it_between_two_batches() -> None:
    scene = Scene()
    with pytest.raises(PrintRefused, match="interrupted"):
        scene.print(600, over_after=2)
    assert scene.press.asked == [256, 256]
    assert scene.steps == ["wipe"]


def test_a_file_that_cannot_be_written_has_no_live_cards() -> None:
    scene = Scene(stage=OSError(28, "No space left on device"))
    with pytest.raises(OSError, match="No space left"):
        scene.print()
    assert scene.steps == ["seal", "wipe", "stage"]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("store for keeper", StoreUnavailable("not known", 0.5)),
        ("release", OSError(5, "Input/output error")),
    ],
    ids=["the database", "the name"],
)
def test_what_fails_with_the_file_written_is_not_called_nothing(
    step: str, error: Exception
) -> None:
    scene = Scene(None, **{step: error})
    with pytest.raises(PrintUnfinished) as unfinished:
        scene.print()
    assert unfinished.value.__cause__ is error
    assert scene.steps[-1] == step


def test_no_cell_and_no_customer_is_in_a_repr() -> None:
    scene = Scene()
    scene.print(1)
    (card,), (new,) = scene.press.cards, scene.cards
    order = PrintOrder(OFFERED, customers(1), "keeper")
    shown = repr((card, new, order))
    assert "customer-0" not in shown
    assert not any(cell in repr(card) for cell in ["'" + cell + "'" for cell in card.cells])
