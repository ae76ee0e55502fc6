# SPDX-License-Identifier: Apache-2.0
"""Which two positions come next, and what is no cell."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from kagimori.application.grid_cards.card import asked, claimed, judged, next_pair
from kagimori.application.grid_cards.ports import Card, Challenge, Given, card_identity
from kagimori.domain.errors import InvalidField
from kagimori.domain.grid_card import COLUMNS, PAIRS, CardState, Cells, Pair
from kagimori.domain.policy import AttemptLimits, Attempts
from support.tokens import TENANT, identity

DRAWS = 5_000
CARD = Card(
    card_identity(TENANT, "card-1", "GC0123456789", "subscriber-1", identity().seed),
    b"mac",
    CardState.ACTIVE,
    1,
    Attempts(),
)


def answered(card: Card, pair: Pair, *, right: bool) -> Card:
    """Return the card with ``pair`` asked for and answered."""
    challenge = Challenge("a challenge", pair, datetime.now(UTC))
    given = Given("a request", b"cells")
    return judged(
        claimed(asked(card, challenge), given, "2026-04-01"), AttemptLimits(), right=right
    )


def test_two_of_eight_columns_are_asked_for_the_first_left_of_the_second() -> None:
    assert len(set(PAIRS)) == 28
    assert {pair.columns for pair in PAIRS} == {
        (first, second)
        for first in "アイウエオカキク"
        for second in "アイウエオカキク"
        if first < second
    }


def test_right_answers_bring_all_pairs_and_none_twice_in_a_row() -> None:
    card, drawn = CARD, []
    for _ in range(DRAWS):
        drawn.append(next_pair(card, secrets.choice))
        card = answered(card, drawn[-1], right=True)
    assert set(drawn) == set(PAIRS)
    assert not [pair for pair, after in pairwise(drawn) if pair == after]
    # Of 27 that may follow each comes 185 times on average, give or take 14.
    assert all(80 < drawn.count(pair) < 320 for pair in PAIRS)


@pytest.mark.parametrize("pair", [PAIRS[0], PAIRS[13], PAIRS[27]], ids=str)
def test_without_a_right_answer_nothing_is_drawn(pair: Pair) -> None:
    wrong = answered(CARD, pair, right=False)
    assert wrong.challenge is not None
    for card in (
        wrong,
        asked(wrong, wrong.challenge),
        claimed(asked(wrong, wrong.challenge), Given("b", b"cells"), "2026-04-02"),
        replace(wrong, state=CardState.LOCKED),
    ):
        assert next_pair(card, lambda _: pytest.fail("a pair was drawn")) == pair


@pytest.mark.parametrize(
    "text",
    [
        "",
        "123",
        "12345",
        "\uff11\uff12\uff13\uff14",
        "12 4",
        " 123",
        "1234\n",
        "-123",
        "12a4",
        "\u0660\u0661\u0662\u0663",
    ],
)
@pytest.mark.parametrize("field", ["first", "second"])
def test_what_is_not_four_ascii_digits_is_no_cell(field: str, text: str) -> None:
    cells = {"first": "1234", "second": "5678", field: text}
    with pytest.raises(InvalidField) as caught:
        Cells(**cells)
    assert caught.value.field == f"grid_answer.{field}"
    assert not text or text not in str(caught.value)


def test_cells_show_themselves_to_nobody() -> None:
    assert repr(Cells("4711", "0815")) == str(Cells("4711", "0815")) == "Cells(…)"
    assert "6365" not in repr(Given("request", b"cells"))
    assert "cells" not in repr(Given("request", b"cells"))
    assert "subscriber-1" not in repr(CARD)
    assert len(COLUMNS) == 8
