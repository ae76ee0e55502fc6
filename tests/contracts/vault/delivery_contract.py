# SPDX-License-Identifier: Apache-2.0
"""What every `DeliveryVault` must take over, whatever opens its seeds.

A test module makes it its own by a subclass and a fixture ``bench``.
"""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from contracts.vault.delivery_bench import (
    Bench,
    Door,
    assert_opened,
    drawn,
    head_refusal,
    sealed,
    way_of,
)
from kagimori.application.deliveries.ports import SeedRefused
from kagimori.application.deliveries.vendor_file import (
    PasswordKey,
)
from kagimori.domain.token import Hash, SealedSeed
from support.tokens import OTHER_TENANT, TENANT, identity
from support.vendors.vendor_seals import (
    INSIDE,
    MACS,
    ON_HOST,
    WAYS,
    derived,
    password,
    wrapped_under,
)


class DeliveryContract:
    # --- what opens -------------------------------------------------------------------

    @pytest.mark.parametrize("name", WAYS)
    def test_a_seed_computes_its_tokens_codes(self, bench: Bench, name: str) -> None:
        way, seed = way_of(bench, name), drawn()
        answer = sealed(bench, way, way.seal(seed))
        assert_opened(bench, answer, seed)
        assert answer.custody is way.custody

    @pytest.mark.parametrize("use", Hash)
    @pytest.mark.parametrize("name", ["kw-aes256", "aes256-cbc", "rsa-oaep-mgf1p", "clear"])
    def test_a_seed_serves_its_hash(self, bench: Bench, name: str, use: Hash) -> None:
        way, seed = way_of(bench, name), drawn(use)
        answer = sealed(bench, way, way.seal(seed, use))
        assert_opened(bench, answer, seed, use)

    @pytest.mark.parametrize("mac", MACS)
    @pytest.mark.parametrize("name", ["kw-aes256", "aes128-cbc", "rsa-oaep-mgf1p", "one-time"])
    def test_every_mac_is_checked(self, bench: Bench, name: str, mac: str) -> None:
        way, seed = way_of(bench, name).with_mac(mac), drawn()
        good = way.seal(seed)
        wrong = replace(good, seed=replace(good.seed, mac=bytes(len(good.seed.mac or b""))))
        first, second, third = bench.seal(way.head, [good, wrong, good])
        assert_opened(bench, first, seed)
        assert isinstance(second, SeedRefused)
        assert second.reason == "MAC_MISMATCH"
        assert isinstance(third, SealedSeed)

    @pytest.mark.parametrize("name", [name for name in WAYS if "cbc" not in name])
    def test_what_is_no_cbc_needs_no_mac(self, bench: Bench, name: str) -> None:
        way, seed = way_of(bench, name).with_mac(None), drawn()
        assert_opened(bench, sealed(bench, way, way.seal(seed)), seed)

    @pytest.mark.parametrize("length", [16, 20, 24, 33, 64])
    @pytest.mark.parametrize("name", ["aes128-cbc", "tripledes-cbc", "clear"])
    def test_the_host_pads_with_what_hmac_does_not_see(
        self, bench: Bench, name: str, length: int
    ) -> None:
        way, seed = way_of(bench, name), secrets.token_bytes(length)
        answer = sealed(bench, way, way.seal(seed, Hash.SHA512))
        assert answer.length == 64
        assert_opened(bench, answer, seed, Hash.SHA512)

    def test_key_wrap_with_padding_and_without_stand_beside_each_other(self, bench: Bench) -> None:
        way = way_of(bench, "kw-aes256")
        seeds = [secrets.token_bytes(length) for length in (20, 24, 20, 32, 64, 21)]
        answers = bench.seal(way.head, [way.seal(seed) for seed in seeds])
        for answer, seed in zip(answers, seeds, strict=True):
            assert_opened(bench, answer, seed)

    def test_one_file_may_hold_what_the_host_opens_and_what_it_does_not(self, bench: Bench) -> None:
        cbc = password("aes256-cbc", 32)
        assert isinstance(cbc.encryption, PasswordKey)
        wrap = wrapped_under(derived(cbc.encryption))
        wrapping = replace(cbc, algorithm="kw-aes256", encrypt=wrap)
        first, second = drawn(), drawn()
        answers = bench.seal(cbc.head, [cbc.seal(first), wrapping.seal(second)])
        assert_opened(bench, answers[0], first)
        assert_opened(bench, answers[1], second)

    @pytest.mark.parametrize("name", INSIDE)
    @pytest.mark.parametrize("door", ["strict", "serving"])
    def test_what_opens_inside_the_hsm_needs_no_permission(
        self, bench: Bench, name: str, door: Door
    ) -> None:
        way, seed = way_of(bench, name), drawn()
        assert_opened(bench, sealed(bench, way, way.seal(seed), door), seed)

    def test_of_no_seeds_comes_nothing(self, bench: Bench) -> None:
        assert bench.seal(way_of(bench, "kw-aes256").head, []) == []

    # --- what is not allowed ----------------------------------------------------------

    @pytest.mark.parametrize("name", ON_HOST)
    @pytest.mark.parametrize("door", ["strict", "serving"])
    def test_the_host_opens_only_what_it_was_asked_for(
        self, bench: Bench, name: str, door: Door
    ) -> None:
        way = way_of(bench, name)
        wanted = "CLEAR_TEXT_NOT_ALLOWED" if name == "clear" else "HOST_TRANSIENT_NOT_ALLOWED"
        assert head_refusal(bench, way.head, [way.seal(drawn())], door) == wanted

    @pytest.mark.parametrize("door", ["strict", "serving"])
    def test_a_seed_of_the_hosts_is_refused_beside_others(self, bench: Bench, door: Door) -> None:
        way, seed = way_of(bench, "kw-aes256").with_mac(None), drawn()
        hosts = way_of(bench, "aes256-cbc").with_mac(None).seal(drawn())
        first, second, third = bench.seal(way.head, [way.seal(seed), hosts, way.seal(seed)], door)
        assert_opened(bench, first, seed)
        assert isinstance(second, SeedRefused)
        assert second.reason == "HOST_TRANSIENT_NOT_ALLOWED"
        assert isinstance(third, SealedSeed)

    # --- what else it does ------------------------------------------------------------

    def test_row_macs_bind_rows(self, bench: Bench) -> None:
        rows = [identity(token_id=f"token-{number}") for number in range(3)]
        macs = bench.row_macs(rows)
        assert len(set(macs)) == 3
        assert bench.row_macs([rows[1]]) == [macs[1]]

    def test_a_fingerprint_is_the_tenants(self, bench: Bench) -> None:
        print_of = bench.fingerprint
        assert print_of(TENANT, b"message") == print_of(TENANT, b"message")
        assert print_of(TENANT, b"message") != print_of(OTHER_TENANT, b"message")
