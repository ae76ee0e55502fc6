# SPDX-License-Identifier: Apache-2.0
"""What every `EnvelopeVault` must do, whatever opens its envelopes.

A test module makes it its own by a subclass and a fixture ``bench``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from development import oathtool
from development.vendor import Device
from kagimori.application.ports import Match, NoMatch, Search, SearchAnswer, SeedVault
from kagimori.application.provisioning.ports import EnvelopeUnfit, EnvelopeVault
from kagimori.domain.code import Otp
from kagimori.domain.errors import HsmUnavailable
from kagimori.domain.lifecycle import State
from kagimori.domain.token import (
    CustodyLabel,
    Hash,
    Kind,
    MovingFactor,
    Profile,
    SealedSeed,
    Token,
)
from kagimori.domain.window import Window
from support.phones.envelopes import OAEP_LABELLED, OAEP_SHA256, seal
from support.tokens import OTHER_TENANT, TENANT, identity
from support.waiting import waited

HashName = Literal["SHA1", "SHA256", "SHA512"]

AT = 1_700_000_000
"""Seconds since 1970, UTC: any time will do."""
PERIOD = 60
STEP = AT // PERIOD
NO_VERSION = 9


class PhonesVault(SeedVault, EnvelopeVault, Protocol):
    """A vault that opens envelopes and searches what was in them."""

    def wrapping_version(self, tenant: str) -> int: ...


class EnvelopeBench(Protocol):
    """A vault, and the keys that phones seal their seeds to."""

    @property
    def vault(self) -> PhonesVault: ...

    def provisioning_pem(self, tenant: str) -> str: ...


def drawn() -> bytes:
    return secrets.token_bytes(64)


def sealed(
    bench: EnvelopeBench, envelopes: Sequence[bytes], use: Hash = Hash.SHA1, version: int = 1
) -> list[SealedSeed]:
    return waited(bench.vault.seal_envelopes(TENANT, version, envelopes, use))


def answer_to(
    bench: EnvelopeBench, seed: SealedSeed, code: str, hash_: Hash = Hash.SHA1
) -> SearchAnswer:
    profile = Profile(MovingFactor.TIME, hash_, len(code), PERIOD)
    row = identity(profile, kind=Kind.SOFTWARE, seed=seed)
    (mac,) = waited(bench.vault.row_macs([row]))
    window = Window(STEP - 1, STEP, STEP + 1)
    search = Search(Token(row, mac, State.ACTIVE), window, Otp(code))
    (answer,) = waited(bench.vault.search([search]))
    return answer


def shown(seed: bytes, hash_: HashName = "SHA1", steps: int = 0) -> str:
    """Return what oathtool shows for ``seed``, ``steps`` periods after `AT`."""
    return oathtool.time_code(Device("PHONE", seed, hash_, 8, PERIOD), AT, steps)


def _flipped(envelope: bytes) -> bytes:
    return bytes([*envelope[:-1], envelope[-1] ^ 1])


Spoil = Callable[[EnvelopeBench], bytes]

UNFIT: dict[str, Spoil] = {
    "another tenant's key": lambda bench: seal(bench.provisioning_pem(OTHER_TENANT), drawn()),
    "garbage": lambda bench: secrets.token_bytes(len(good(bench))),
    "nothing but zeros": lambda bench: bytes(len(good(bench))),
    "a flipped bit": lambda bench: _flipped(good(bench)),
    "an octet less": lambda bench: good(bench)[:-1],
    "an octet more": lambda bench: good(bench) + b"\0",
    "nothing": lambda _: b"",
    "another padding": lambda bench: seal(bench.provisioning_pem(TENANT), drawn(), PKCS1v15()),
    "another hash": lambda bench: seal(bench.provisioning_pem(TENANT), drawn(), OAEP_SHA256),
    "a label": lambda bench: seal(bench.provisioning_pem(TENANT), drawn(), OAEP_LABELLED),
}


def good(bench: EnvelopeBench) -> bytes:
    return seal(bench.provisioning_pem(TENANT), drawn())


class EnvelopeContract:
    @pytest.mark.parametrize("name", ["SHA1", "SHA256", "SHA512"])
    def test_a_phones_seed_gives_the_codes_that_the_phone_shows(
        self, bench: EnvelopeBench, name: HashName
    ) -> None:
        seed, hash_ = drawn(), Hash(name)
        (kept,) = sealed(bench, [seal(bench.provisioning_pem(TENANT), seed)], hash_)
        for steps in (-1, 0, 1):
            code = shown(seed, name, steps)
            assert answer_to(bench, kept, code, hash_) == Match(STEP + steps)
        assert answer_to(bench, kept, shown(seed, name, 3), hash_) == NoMatch()

    def test_a_sealed_seed_says_where_it_has_been(self, bench: EnvelopeBench) -> None:
        (kept,) = sealed(bench, [good(bench)])
        assert kept.custody is CustodyLabel.SEALED_BY_APP
        assert kept.length == 64
        assert kept.key_version == bench.vault.wrapping_version(TENANT)

    def test_seeds_come_in_the_order_of_their_envelopes(self, bench: EnvelopeBench) -> None:
        login, signing = drawn(), drawn()
        pem = bench.provisioning_pem(TENANT)
        kept = sealed(bench, [seal(pem, login), seal(pem, signing)])
        for own, other, seed in [(login, signing, kept[0]), (signing, login, kept[1])]:
            assert answer_to(bench, seed, shown(own)) == Match(STEP)
            assert answer_to(bench, seed, shown(other)) == NoMatch()

    @pytest.mark.parametrize("index", [0, 1])
    @pytest.mark.parametrize("what", UNFIT)
    def test_an_envelope_that_does_not_open_is_unfit(
        self, bench: EnvelopeBench, what: str, index: int
    ) -> None:
        envelopes = [good(bench), good(bench)]
        envelopes[index] = UNFIT[what](bench)
        with pytest.raises(EnvelopeUnfit) as caught:
            sealed(bench, envelopes)
        assert caught.value.index == index
        assert len(sealed(bench, [good(bench)])) == 1

    @pytest.mark.parametrize("length", [0, 16, 20, 32, 56, 65, 128])
    def test_a_seed_of_another_length_is_unfit(self, bench: EnvelopeBench, length: int) -> None:
        seed = secrets.token_bytes(length)
        with pytest.raises(EnvelopeUnfit) as caught:
            sealed(bench, [good(bench), seal(bench.provisioning_pem(TENANT), seed)])
        assert caught.value.index == 1

    def test_a_seed_that_lacks_an_octet_is_the_one_with_a_zero_there(
        self, bench: EnvelopeBench
    ) -> None:
        seed = drawn()[:63]
        (kept,) = sealed(bench, [seal(bench.provisioning_pem(TENANT), seed)])
        assert kept.length == 64
        assert shown(seed) == shown(seed + b"\0")  # RFC 2104 §2
        assert answer_to(bench, kept, shown(seed)) == Match(STEP)

    def test_a_key_that_is_not_there_is_no_fault_of_the_envelope(
        self, bench: EnvelopeBench
    ) -> None:
        with pytest.raises(HsmUnavailable):
            sealed(bench, [good(bench)], version=NO_VERSION)

    def test_row_macs_come_in_order(self, bench: EnvelopeBench) -> None:
        rows = [identity(token_id=f"token-{n}") for n in range(3)]
        rows.append(identity(tenant=OTHER_TENANT))
        macs = waited(bench.vault.row_macs(rows))
        assert [waited(bench.vault.row_macs([row])) for row in rows] == [[mac] for mac in macs]
        assert [len(mac) for mac in macs] == [32] * 4
        assert len(set(macs)) == 4

    def test_a_passwords_mac_is_the_tenants_and_the_messages(self, bench: EnvelopeBench) -> None:
        mac_of = bench.vault.password_mac
        mac, version = waited(mac_of(TENANT, b"4711"))
        assert (len(mac), version) == (32, bench.vault.wrapping_version(TENANT))
        assert waited(mac_of(TENANT, b"4711", version)) == (mac, version)
        others = {
            waited(mac_of(TENANT, b"4712"))[0],
            waited(mac_of(TENANT, b"4711\0"))[0],
            waited(mac_of(TENANT, b""))[0],
            waited(mac_of(OTHER_TENANT, b"4711"))[0],
            bench.vault.fingerprint(TENANT, b"4711"),
        }
        assert len(others | {mac}) == 6

    @pytest.mark.parametrize("version", [0, NO_VERSION])
    def test_a_password_under_a_key_that_is_not_there_has_no_mac(
        self, bench: EnvelopeBench, version: int
    ) -> None:
        with pytest.raises(HsmUnavailable):
            waited(bench.vault.password_mac(TENANT, b"4711", version))
