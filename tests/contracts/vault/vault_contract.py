# SPDX-License-Identifier: Apache-2.0
"""What every `SeedVault` must do, whatever computes its HMACs.

A test module makes it its own by a subclass and a fixture ``bench``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import pytest

from kagimori.application.ports import Match, NoMatch, Search, SearchAnswer, SearchFailed, SeedVault
from kagimori.domain.code import Otp
from kagimori.domain.errors import RecordTampered
from kagimori.domain.lifecycle import State
from kagimori.domain.token import Hash, Profile, SealedSeed, Token, TokenIdentity
from kagimori.domain.window import Window
from support import waiting
from support.tokens import OTHER_TENANT, TENANT, Vector, identity, rfc4226, rfc6238

COUNTERS = rfc4226()
HOTP_SEED = COUNTERS[0].seed
OTHER_SEED = HOTP_SEED[::-1]

SEEDS = {(vector.seed, vector.profile.hash) for vector in COUNTERS + rfc6238()} | {
    (OTHER_SEED, Hash.SHA1)
}
"""Every seed that a bench must be able to seal, with the hash it is used with."""


class Bench(Protocol):
    """A vault, and what an importing process would do for it."""

    @property
    def vault(self) -> SeedVault: ...

    def seal(self, tenant: str, seed: bytes, profile: Profile) -> SealedSeed:
        """Bring a seed in under ``tenant``'s wrapping key."""
        ...

    def row_mac(self, of: TokenIdentity) -> bytes:
        """Return the MAC that binds a row together."""
        ...


def token_of(bench: Bench, seed: bytes, profile: Profile, tenant: str = TENANT) -> Token:
    row = identity(profile, tenant=tenant, seed=bench.seal(tenant, seed, profile))
    return Token(row, bench.row_mac(row), State.ACTIVE)


def search_all(bench: Bench, searches: Sequence[Search]) -> list[SearchAnswer]:
    return waiting.search(bench.vault, searches)


def search(bench: Bench, token: Token, window: Window, code: str) -> SearchAnswer:
    (answer,) = search_all(bench, [Search(token, window, Otp(code))])
    return answer


def is_tampered(answer: SearchAnswer) -> bool:
    return (
        isinstance(answer, SearchFailed)
        and isinstance(answer.error, RecordTampered)
        and answer.evaluated == 0
    )


def assert_alone_tampered(bench: Bench, good: Token, row: TokenIdentity) -> None:
    """``row`` under ``good``'s MAC fails, and nothing else that is asked with it."""
    window, code = Window(0, 0, 9), Otp(COUNTERS[2].code)
    bad = replace(good, identity=row)
    first, second, third = search_all(
        bench, [Search(token, window, code) for token in (good, bad, good)]
    )
    assert (first, third) == (Match(2), Match(2))
    assert is_tampered(second)


def _name(vector: Vector) -> str:
    return f"{vector.profile.factor}-{vector.profile.hash}-{vector.step}"


class VaultContract:
    @pytest.mark.parametrize("vector", COUNTERS + rfc6238(), ids=_name)
    def test_finds_the_codes_of_the_rfcs(self, bench: Bench, vector: Vector) -> None:
        token = token_of(bench, vector.seed, vector.profile)
        window = Window(max(0, vector.step - 1), vector.step, vector.step + 1)
        assert search(bench, token, window, vector.code) == Match(vector.step)

    @pytest.mark.parametrize("step", range(10))
    def test_the_window_is_exact(self, bench: Bench, step: int) -> None:
        token = token_of(bench, HOTP_SEED, COUNTERS[0].profile)
        wanted = Match(step) if 3 <= step <= 6 else NoMatch()
        assert search(bench, token, Window(3, 4, 6), COUNTERS[step].code) == wanted

    @pytest.mark.parametrize("predicted", [3, 4, 5, 6])
    def test_the_prediction_does_not_change_the_window(self, bench: Bench, predicted: int) -> None:
        token = token_of(bench, HOTP_SEED, COUNTERS[0].profile)
        window = Window(3, predicted, 6)
        found = [search(bench, token, window, vector.code) for vector in COUNTERS]
        assert [answer.step for answer in found if isinstance(answer, Match)] == [3, 4, 5, 6]

    def test_looks_at_the_spent_step_too(self, bench: Bench) -> None:
        token = token_of(bench, HOTP_SEED, COUNTERS[0].profile)
        window = Window(5, 5, 8, spent=4)
        assert search(bench, token, window, COUNTERS[4].code) == Match(4)
        assert search(bench, token, window, COUNTERS[3].code) == NoMatch()

    def test_a_code_of_another_length_is_no_match(self, bench: Bench) -> None:
        token = token_of(bench, HOTP_SEED, COUNTERS[0].profile)
        assert search(bench, token, Window(0, 0, 0), "84755224") == NoMatch()
        assert search(bench, token, Window(0, 0, 0), "0755224") == NoMatch()

    def test_answers_item_for_item(self, bench: Bench) -> None:
        good = token_of(bench, HOTP_SEED, COUNTERS[0].profile)
        bad = replace(good, row_mac=bytes(len(good.row_mac)))
        window = Window(0, 0, 9)
        first, second, third, fourth = search_all(
            bench,
            [
                Search(good, window, Otp(COUNTERS[2].code)),
                Search(bad, window, Otp(COUNTERS[2].code)),
                Search(good, window, Otp("000000")),
                Search(good, window, Otp(COUNTERS[9].code)),
            ],
        )
        assert (first, third, fourth) == (Match(2), NoMatch(), Match(9))
        assert is_tampered(second)

    @pytest.mark.parametrize(
        "change",
        [
            {"tenant": OTHER_TENANT},
            {"token_id": "token-2"},
            {"serial": "2V0716016FK3"},
            {"subscriber": "subscriber-2"},
            {"subscriber": None},
        ],
        ids=str,
    )
    def test_a_row_that_names_another_is_tampered(
        self, bench: Bench, change: dict[str, Any]
    ) -> None:
        token = token_of(bench, HOTP_SEED, COUNTERS[0].profile)
        swapped = replace(token, identity=replace(token.identity, **change))
        assert is_tampered(search(bench, swapped, Window(0, 0, 0), COUNTERS[0].code))

    @pytest.mark.parametrize("field", ["digits", "period", "t0"])
    def test_a_row_with_a_weaker_profile_is_tampered(self, bench: Bench, field: str) -> None:
        vector = rfc6238()[0]
        token = token_of(bench, vector.seed, vector.profile)
        change: dict[str, Any] = {field: 7}
        profile = replace(vector.profile, **change)
        swapped = replace(token, identity=replace(token.identity, profile=profile))
        assert is_tampered(search(bench, swapped, Window(1, 1, 1), vector.code))

    @pytest.mark.parametrize(
        "change",
        [
            {"key_version": 2},
            {"key_version": -1},
            {"wrap_format": "other"},
            {"length": -1},
            {"length": 2**40},
        ],
        ids=str,
    )
    def test_a_seed_described_otherwise_is_tampered(
        self, bench: Bench, change: dict[str, Any]
    ) -> None:
        good = token_of(bench, HOTP_SEED, COUNTERS[0].profile)
        seed = replace(good.identity.seed, **change)
        assert_alone_tampered(bench, good, replace(good.identity, seed=seed))

    @pytest.mark.parametrize(
        "change", [{"period": 2**40}, {"period": -1}, {"t0": 2**70}, {"digits": 99}], ids=str
    )
    def test_a_profile_that_no_token_has_is_tampered(
        self, bench: Bench, change: dict[str, Any]
    ) -> None:
        good = token_of(bench, HOTP_SEED, COUNTERS[0].profile)
        profile = replace(good.identity.profile, **change)
        assert_alone_tampered(bench, good, replace(good.identity, profile=profile))

    @pytest.mark.parametrize(
        "change", [{"wrap_format": "other"}, {"blob": bytes(32)}], ids=["wrap_format", "blob"]
    )
    def test_a_seed_that_does_not_open_is_tampered_whatever_its_mac_says(
        self, bench: Bench, change: dict[str, Any]
    ) -> None:
        good = token_of(bench, HOTP_SEED, COUNTERS[0].profile).identity
        row = replace(good, seed=replace(good.seed, **change))
        token = Token(row, bench.row_mac(row), State.ACTIVE)
        assert is_tampered(search(bench, token, Window(0, 0, 0), COUNTERS[0].code))

    def test_steps_that_no_token_has_are_tampered(self, bench: Bench) -> None:
        good = token_of(bench, HOTP_SEED, COUNTERS[0].profile)
        first, second = search_all(
            bench,
            [
                Search(good, Window(-4, -4, 5), Otp(COUNTERS[2].code)),
                Search(good, Window(0, 0, 9), Otp(COUNTERS[2].code)),
            ],
        )
        assert is_tampered(first)
        assert second == Match(2)

    def test_a_row_with_anothers_seed_is_tampered(self, bench: Bench) -> None:
        vector = rfc6238()[0]
        mine = token_of(bench, HOTP_SEED, vector.profile)
        yours = token_of(bench, OTHER_SEED, vector.profile)
        swapped = replace(mine, identity=replace(mine.identity, seed=yours.identity.seed))
        assert is_tampered(search(bench, swapped, Window(1, 1, 1), vector.code))

    def test_a_swap_is_noticed_after_the_row_was_used(self, bench: Bench) -> None:
        token = token_of(bench, HOTP_SEED, COUNTERS[0].profile)
        assert search(bench, token, Window(0, 0, 0), COUNTERS[0].code) == Match(0)
        swapped = replace(token, identity=replace(token.identity, subscriber="subscriber-2"))
        assert is_tampered(search(bench, swapped, Window(0, 0, 0), COUNTERS[0].code))

    def test_a_decoy_is_searched_like_any_token(self, bench: Bench) -> None:
        decoy = bench.vault.decoy(TENANT)
        assert decoy.identity.tenant == TENANT
        assert decoy.identity.subscriber is None
        for code in ("000000", "0000000", "00000000"):
            assert not isinstance(search(bench, decoy, Window(0, 1, 2), code), SearchFailed)

    def test_a_fingerprint_is_the_tenants(self, bench: Bench) -> None:
        print_of = bench.vault.fingerprint
        assert len(print_of(TENANT, b"message")) == 32
        assert print_of(TENANT, b"message") == print_of(TENANT, b"message")
        others = {print_of(TENANT, b"messages"), print_of(OTHER_TENANT, b"message")}
        assert len(others | {print_of(TENANT, b"message")}) == 3

    def test_pings(self, bench: Bench) -> None:
        waiting.ping(bench.vault)
