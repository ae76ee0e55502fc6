# SPDX-License-Identifier: Apache-2.0
"""How every `SeedVault` looks for two consecutive codes, and for codes of ten digits.

A test module makes it its own by a subclass and a fixture ``bench``.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.vault.vault_contract import (
    COUNTERS,
    HOTP_SEED,
    Bench,
    is_tampered,
    search,
    search_all,
    token_of,
)
from kagimori.application.ports import Match, NoMatch, Search, SearchAnswer
from kagimori.domain.code import Otp
from kagimori.domain.token import Token
from kagimori.domain.window import Window
from support.tokens import ten_digits

EVENT = COUNTERS[0].profile


def pair(token: Token, window: Window, first: int, second: int) -> Search:
    """Return the question where the codes of these counters are."""
    return Search(token, window, Otp(COUNTERS[first].code), Otp(COUNTERS[second].code))


def ask(bench: Bench, question: Search) -> SearchAnswer:
    (answer,) = search_all(bench, [question])
    return answer


class PairContract:
    @pytest.mark.parametrize("first", range(9))
    @pytest.mark.parametrize("predicted", [3, 5, 7])
    def test_two_codes_are_found_where_both_lie_in_the_window(
        self, bench: Bench, first: int, predicted: int
    ) -> None:
        token = token_of(bench, HOTP_SEED, EVENT)
        wanted = Match(first + 1) if 3 <= first < 7 else NoMatch()
        assert ask(bench, pair(token, Window(3, predicted, 7), first, first + 1)) == wanted

    @pytest.mark.parametrize(("first", "second"), [(5, 4), (3, 5), (4, 4), (9, 5), (4, 9)])
    def test_codes_that_do_not_follow_each_other_are_no_match(
        self, bench: Bench, first: int, second: int
    ) -> None:
        token = token_of(bench, HOTP_SEED, EVENT)
        assert ask(bench, pair(token, Window(0, 4, 8), first, second)) == NoMatch()

    def test_one_step_has_no_two_codes(self, bench: Bench) -> None:
        token = token_of(bench, HOTP_SEED, EVENT)
        for first in (3, 4):
            assert ask(bench, pair(token, Window(4, 4, 4), first, first + 1)) == NoMatch()

    def test_they_stand_beside_single_codes_in_a_batch(self, bench: Bench) -> None:
        token = token_of(bench, HOTP_SEED, EVENT)
        bad = replace(token, row_mac=bytes(len(token.row_mac)))
        window = Window(0, 0, 9)
        found, tampered, single = search_all(
            bench,
            [
                pair(token, window, 7, 8),
                pair(bad, window, 7, 8),
                Search(token, window, Otp(COUNTERS[7].code)),
            ],
        )
        assert (found, single) == (Match(8), Match(7))
        assert is_tampered(tampered)

    @pytest.mark.parametrize("counter", range(10))
    def test_a_code_may_have_all_the_digits_of_the_rfc(self, bench: Bench, counter: int) -> None:
        token = token_of(bench, HOTP_SEED, replace(EVENT, digits=10))
        assert search(bench, token, Window(0, 0, 9), ten_digits()[counter]) == Match(counter)
        assert search(bench, token, Window(0, 0, 9), COUNTERS[counter].code) == NoMatch()
