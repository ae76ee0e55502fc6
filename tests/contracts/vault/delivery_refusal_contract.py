# SPDX-License-Identifier: Apache-2.0
"""What every `DeliveryVault` must refuse, and say why.

A test module makes it its own by a subclass and a fixture ``bench``.
"""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from contracts.vault.delivery_bench import (
    AUTHENTIC,
    SEALED,
    Bench,
    assert_opened,
    damaged,
    drawn,
    head_refusal,
    refusal,
    way_of,
)
from kagimori.application.deliveries.ports import SeedRefused
from kagimori.application.deliveries.vendor_file import (
    Encryption,
    Head,
    MacMethod,
    OneTimeKey,
    PreSharedKey,
    RsaKey,
)
from kagimori.domain.token import Hash
from support.vendors.vendor_seals import (
    INSIDE,
    MAC_KEY,
    ON_HOST,
    ONE_TIME_KEY,
    WAYS,
    Way,
    cbc_under,
    mac_of,
    one_time,
    password,
    wrapped_under,
)


class RefusalContract:
    # --- what does not open -----------------------------------------------------------

    @pytest.mark.parametrize("name", SEALED)
    def test_a_seed_that_was_changed_is_refused_and_its_neighbours_are_not(
        self, bench: Bench, name: str
    ) -> None:
        way, seed = way_of(bench, name), drawn()
        good = way.seal(seed)
        bad = replace(good, seed=replace(good.seed, ciphertext=damaged(good)))
        first, second, third = bench.seal(way.head, [good, bad, good])
        assert_opened(bench, first, seed)
        assert_opened(bench, third, seed)
        assert isinstance(second, SeedRefused)
        assert second.reason == "MAC_MISMATCH"

    @pytest.mark.parametrize("name", [name for name in AUTHENTIC if "cbc" not in name])
    def test_what_was_changed_does_not_open_without_a_mac_either(
        self, bench: Bench, name: str
    ) -> None:
        way, seed = way_of(bench, name).with_mac(None), drawn()
        good = way.seal(seed)
        bad = replace(good, seed=replace(good.seed, ciphertext=damaged(good)))
        first, second, third = bench.seal(way.head, [good, bad, good])
        assert isinstance(second, SeedRefused)
        assert second.reason == "UNWRAP_FAILED"
        assert_opened(bench, first, seed)
        assert_opened(bench, third, seed)

    @pytest.mark.parametrize("name", SEALED)
    def test_swapped_ciphertexts_are_noticed(self, bench: Bench, name: str) -> None:
        way = way_of(bench, name)
        one, other = way.seal(drawn()), way.seal(drawn())
        crossed = [
            replace(one, seed=replace(one.seed, ciphertext=other.seed.ciphertext)),
            replace(other, seed=replace(other.seed, ciphertext=one.seed.ciphertext)),
        ]
        reasons = [getattr(answer, "reason", None) for answer in bench.seal(way.head, crossed)]
        assert reasons == ["MAC_MISMATCH", "MAC_MISMATCH"]

    @pytest.mark.parametrize("name", SEALED)
    @pytest.mark.parametrize("kept", [0, 1, 7, 8, 16, 17, 25, -8, -1])
    def test_half_a_ciphertext_opens_nothing(self, bench: Bench, name: str, kept: int) -> None:
        way = way_of(bench, name)
        whole = way.encrypt(drawn())
        answer = refusal(bench, way.head, way.carry(whole[:kept]))
        wanted = {"UNWRAP_FAILED"}
        if way.algorithm.startswith("kw"):  # which shows its length
            wanted.add("SEED_TOO_SHORT")
        if way.algorithm == "tripledes-cbc" and kept in (16, -8):  # 1 of 256 ends like padding
            wanted.add("SEED_TOO_SHORT")
        if way.algorithm.startswith("rsa") and kept == 0:
            wanted.add("SEED_TOO_SHORT")
        assert answer in wanted

    @pytest.mark.parametrize("name", ["kw-aes256", "password kw-aes256", "one-time"])
    def test_seeds_under_another_key_do_not_open(self, bench: Bench, name: str) -> None:
        way = way_of(bench, name).with_mac(None)
        others = replace(way, encrypt=wrapped_under(secrets.token_bytes(32)))
        assert refusal(bench, way.head, others.seal(drawn())) == "UNWRAP_FAILED"

    @pytest.mark.parametrize("name", ["kw-aes256", "password kw-aes256", "one-time"])
    def test_a_mac_key_under_another_key_is_the_deliverys_trouble(
        self, bench: Bench, name: str
    ) -> None:
        way = way_of(bench, name)
        others = replace(way, encrypt=wrapped_under(secrets.token_bytes(32)))
        assert head_refusal(bench, others.head, [way.seal(drawn())]) == "UNWRAP_FAILED"

    def test_cbc_under_another_key_does_not_open(self, bench: Bench) -> None:
        way = way_of(bench, "aes128-cbc")
        others = replace(way, encrypt=cbc_under(secrets.token_bytes(16)))
        assert _refused_somehow(bench, others) <= {"UNWRAP_FAILED", "MAC_MISMATCH"}

    @pytest.mark.parametrize("algorithm", ["kw-aes256", "aes256-cbc"])
    def test_a_wrong_password_opens_nothing(self, bench: Bench, algorithm: str) -> None:
        way = password(algorithm, 32)
        wrong = replace(way, encryption=replace(way.encryption, password="qwertz"))  # type: ignore[arg-type]
        assert _refused_somehow(bench, wrong) <= {"UNWRAP_FAILED", "MAC_MISMATCH"}

    def test_a_one_time_key_for_another_hsm_is_the_deliverys_trouble(self, bench: Bench) -> None:
        stranger = generate_private_key(public_exponent=65537, key_size=3072).public_key()
        way = one_time(stranger, ONE_TIME_KEY)
        assert head_refusal(bench, way.head, [way.seal(drawn())]) == "UNWRAP_FAILED"

    def test_a_one_time_key_is_padded_as_nobody_can_try_out(self, bench: Bench) -> None:
        way = way_of(bench, "one-time")
        padded = bench.public["onetime"].encrypt(ONE_TIME_KEY, padding.PKCS1v15())
        head = replace(way.head, encryption=OneTimeKey("offline", "rsa-1_5", padded))
        assert head_refusal(bench, head, [way.seal(drawn())]) == "UNSUPPORTED_ALGORITHM"

    def test_a_seed_is_nobodys_one_time_key(self, bench: Bench) -> None:
        """The public half for seeds is no way to bring a key."""
        way = one_time(bench.public["delivery"], ONE_TIME_KEY)
        assert head_refusal(bench, way.head, [way.seal(drawn())]) == "UNWRAP_FAILED"

    @pytest.mark.parametrize(
        ("name", "encryption"),
        [
            ("kw-aes256", PreSharedKey("nobody")),
            ("aes256-cbc", PreSharedKey("nobody")),
            ("tripledes-cbc", PreSharedKey("nobody")),
            ("rsa-oaep-mgf1p", RsaKey("nobody")),
            ("one-time", OneTimeKey("nobody", "rsa-oaep-mgf1p", bytes(384))),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    @pytest.mark.parametrize("mac", [True, False], ids=["MAC", "no MAC"])
    def test_a_vendor_without_keys_is_the_deliverys_trouble(
        self, bench: Bench, name: str, encryption: Encryption, *, mac: bool
    ) -> None:
        way = way_of(bench, name)
        if not mac and "cbc" not in name:
            way = way.with_mac(None)
        strange = replace(way, encryption=encryption)
        seeds = [strange.seal(drawn()), strange.seal(drawn())]
        assert head_refusal(bench, strange.head, seeds) == "UNKNOWN_VENDOR"

    # --- MACs that are none -----------------------------------------------------------

    @pytest.mark.parametrize("name", SEALED)
    def test_a_mac_that_was_stripped_is_missed(self, bench: Bench, name: str) -> None:
        way = way_of(bench, name)
        whole = way.seal(drawn())
        stripped = replace(whole, seed=replace(whole.seed, mac=None))
        assert refusal(bench, way.head, stripped) == "MAC_MISSING"
        assert refusal(bench, Head(way.encryption), whole) == "MAC_MISSING"

    @pytest.mark.parametrize("name", [name for name in WAYS if "cbc" in name])
    def test_cbc_without_a_mac_is_not_opened(self, bench: Bench, name: str) -> None:
        way = way_of(bench, name).with_mac(None)
        assert refusal(bench, way.head, way.seal(drawn())) == "MAC_MISSING"

    @pytest.mark.parametrize("length", [0, 1, 15])
    def test_a_mac_key_that_can_be_guessed_is_none(self, bench: Bench, length: int) -> None:
        way, key = way_of(bench, "aes128-cbc"), MAC_KEY[:length]
        head = Head(way.encryption, MacMethod("hmac-sha1", "aes128-cbc", way.encrypt(key)))
        whole = way.seal(drawn())
        mac = mac_of("hmac-sha1", whole.seed.ciphertext, key)
        seed = replace(whole, seed=replace(whole.seed, mac=mac))
        assert head_refusal(bench, head, [seed]) == "MAC_MISMATCH"

    def test_an_unknown_mac_is_the_deliverys_trouble(self, bench: Bench) -> None:
        way = way_of(bench, "kw-aes256")
        assert way.head.mac is not None
        head = replace(way.head, mac=replace(way.head.mac, algorithm="hmac-md5"))
        assert head_refusal(bench, head, [way.seal(drawn())]) == "UNSUPPORTED_ALGORITHM"

    # --- seeds that no token has ------------------------------------------------------

    @pytest.mark.parametrize("name", WAYS)
    def test_a_short_seed_is_refused(self, bench: Bench, name: str) -> None:
        way = way_of(bench, name)
        assert refusal(bench, way.head, way.seal(secrets.token_bytes(8))) == "SEED_TOO_SHORT"

    @pytest.mark.parametrize("name", [*ON_HOST, *INSIDE])
    def test_a_seed_longer_than_its_hashs_block_is_refused(self, bench: Bench, name: str) -> None:
        way = way_of(bench, name)
        for use, length in [(Hash.SHA1, 65), (Hash.SHA256, 72), (Hash.SHA512, 129)]:
            seed = way.seal(secrets.token_bytes(length), use)
            assert refusal(bench, way.head, seed) == "UNSUPPORTED_ALGORITHM"

    @pytest.mark.parametrize("name", INSIDE)
    def test_what_the_hsm_cannot_pad_is_refused(self, bench: Bench, name: str) -> None:
        way, seed = way_of(bench, name), drawn()
        short = way.seal(seed, Hash.SHA256)
        first, second = bench.seal(way.head, [short, way.seal(seed)])
        assert isinstance(first, SeedRefused)
        assert first.reason == "SEED_TOO_SHORT"
        assert_opened(bench, second, seed)

    @pytest.mark.parametrize(
        ("name", "algorithm"),
        [
            ("kw-aes256", "kw-camellia256"),
            ("kw-aes256", "clear"),
            ("kw-aes256", "rsa-oaep-mgf1p"),
            ("kw-aes256", ""),
            ("rsa-oaep-mgf1p", "kw-aes256"),
            ("one-time", "aes256-cbc"),
            ("one-time", "rsa-oaep-mgf1p"),
            ("clear", "kw-aes256"),
            ("password kw-aes256", "kw-aes128"),
            ("password kw-aes256", "rsa-1_5"),
        ],
    )
    def test_a_seed_encrypted_otherwise_than_its_file_is_refused(
        self, bench: Bench, name: str, algorithm: str
    ) -> None:
        way, seed = way_of(bench, name), drawn()
        good = way.seal(seed)
        other = replace(good, seed=replace(good.seed, algorithm=algorithm))
        first, second = bench.seal(way.head, [other, good])
        assert isinstance(first, SeedRefused)
        assert first.reason == "UNSUPPORTED_ALGORITHM"
        assert_opened(bench, second, seed)

    @pytest.mark.parametrize(
        ("length", "iterations"), [(20, 7), (0, 7), (2**40, 7), (16, 0), (16, 2**40)]
    )
    def test_a_derivation_that_cannot_be_is_refused(
        self, bench: Bench, length: int, iterations: int
    ) -> None:
        way = password("kw-aes128", 16)
        said = replace(way.encryption, length=length, iterations=iterations)  # type: ignore[arg-type]
        head = replace(way.head, encryption=said)
        assert head_refusal(bench, head, [way.seal(drawn())]) == "UNSUPPORTED_ALGORITHM"

    def test_a_refusal_says_nothing_of_the_seed(self, bench: Bench) -> None:
        way, seed = way_of(bench, "clear"), secrets.token_bytes(15)
        (answer,) = bench.seal(way.head, [way.seal(seed)])
        assert seed.hex() not in f"{answer!r} {answer}"
        assert repr(seed) not in f"{answer!r} {answer}"


def _refused_somehow(bench: Bench, way: Way) -> set[str]:
    """Return why a delivery is refused, as a whole or seed for seed."""
    seeds = [way.seal(drawn()), way.seal(drawn())]
    try:
        answers = bench.seal(way.head, seeds)
    except SeedRefused as refused:
        return {refused.reason}
    return {getattr(answer, "reason", "sealed") for answer in answers}
