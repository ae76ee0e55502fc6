# SPDX-License-Identifier: Apache-2.0
"""The HSM behind Rust keeps the delivery's contract: SoftHSM, after a ceremony.

A process opens its HSM once: the doors take turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from contracts.vault.delivery_bench import Answers, Door, assert_opened, drawn, head_refusal
from contracts.vault.delivery_contract import DeliveryContract
from contracts.vault.delivery_refusal_contract import RefusalContract
from development import oathtool
from development.vendor import Device
from kagimori.adapters.vault import HsmImportVault, HsmVault, PartitionLogin, Sessions
from kagimori.application.deliveries.ports import SeedToSeal
from kagimori.application.deliveries.vendor_file import Head, MacMethod, PreSharedKey, RsaKey
from kagimori.application.ports import Match, Search
from kagimori.domain.code import Otp
from kagimori.domain.lifecycle import State
from kagimori.domain.token import CustodyLabel, Hash, SealedSeed, Token, TokenIdentity
from kagimori.domain.window import Window
from support.custody.hsm import IMPORTING, MODULE, HsmFiles, hold_ceremony, write_plan
from support.custody.vault import hsm_of
from support.tokens import EVENT, OTHER_TENANT, TENANT, identity
from support.vendors.vendor_seals import (
    AES_KEYS,
    DES3_KEY,
    MAC_KEY,
    VENDORS,
    Way,
    cbc_under,
    des3_under,
    ways,
    wrapped_under,
)
from support.waiting import search, waited

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

AGREED_ON = ["kw-aes256", "aes256-cbc", "tripledes-cbc"]

# A vendor with every key there is.
_MIXED = "".join(
    f"\n[[vendor.mixed]]\n{section}\n"
    for section in (
        'use = "transport"\nkey = { file = "kw256.hex" }',
        'use = "transient"\nkey = { file = "cbc256.hex" }',
        'use = "transient"\ncipher = "3DES"\nkey = { file = "des3.hex" }',
        'use = "delivery"',
    )
)


class HsmBench:
    """One vault at a time; another door is another vault."""

    def __init__(self, files: HsmFiles) -> None:
        self.files = files
        self._door: Door | None = None
        self._vault: HsmImportVault | HsmVault | None = None
        self.public = {
            "delivery": public_half(files, "rsa", "delivery"),
            "onetime": public_half(files, "offline", "onetime"),
        }

    def seal(self, head: Head, seeds: Sequence[SeedToSeal], door: Door = "importing") -> Answers:
        return waited(self.at(door).seal(TENANT, head, seeds))

    def row_macs(self, rows: Sequence[TokenIdentity]) -> list[bytes]:
        return waited(self.at("importing").row_macs(rows))

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        return self.at("importing").fingerprint(tenant, message)

    def step_of(self, sealed: SealedSeed, use: Hash, code: str) -> int | None:
        vault = self.at("serving")
        assert isinstance(vault, HsmVault)
        row = identity(replace(EVENT, hash=use), seed=sealed)
        token = Token(row, vault.row_mac(row), State.ACTIVE)
        (answer,) = search(vault, [Search(token, Window(0, 0, 9), Otp(code))])
        return answer.step if isinstance(answer, Match) else None

    def at(self, door: Door) -> HsmImportVault | HsmVault:
        if door != self._door or self._vault is None:
            self.close()
            self._vault, self._door = self._open(door), door
        return self._vault

    def close(self) -> None:
        if self._vault is not None:
            self._vault.close()

    def _open(self, door: Door) -> HsmImportVault | HsmVault:
        hsm = hsm_of(self.files)
        if door == "serving":
            return HsmVault.open(hsm, Sessions(2, wait=60, cache_entries=8, cache_seconds=60))
        asked = door == "importing"
        pin = self.files.import_pin_file.read_text(encoding="ascii").strip()
        return HsmImportVault.open(
            hsm,
            PartitionLogin(IMPORTING, pin) if asked else None,
            allow_host_transient=asked,
            allow_clear_text=asked,
        )


def public_half(files: HsmFiles, vendor: str, use: str) -> RSAPublicKey:
    key = load_pem_public_key(files.public_half(vendor, use).read_bytes())
    assert isinstance(key, RSAPublicKey)
    return key


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HsmBench]:
    tenants = {"abukuma": TENANT, "kakeshin": OTHER_TENANT}
    files = write_plan(tmp_path_factory.mktemp("hsm"), tenants, VENDORS)
    files.plan.write_text(files.plan.read_text() + _MIXED)
    held = hold_ceremony(files)
    assert held.returncode == 0, held.stdout + held.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(files.conf))
        opened = HsmBench(files)
        yield opened
        opened.close()


class TestSoftHsmsDeliveries(DeliveryContract):
    pass


class TestSoftHsmsRefusals(RefusalContract):
    pass


@pytest.mark.parametrize("name", ["kw-aes256", "aes128-cbc", "rsa-1_5", "one-time"])
def test_codes_are_those_of_oathtool(bench: HsmBench, name: str) -> None:
    way, seed = ways(bench.public)[name], drawn()
    (sealed,) = bench.seal(way.head, [way.seal(seed)])
    assert isinstance(sealed, SealedSeed)
    device = Device("KGTD00000901", seed, period=0)
    assert bench.step_of(sealed, Hash.SHA1, oathtool.event_code(device, 3)) == 3


@pytest.mark.parametrize("algorithm", AGREED_ON)
@pytest.mark.parametrize("of_mac_key", AGREED_ON)
def test_a_mac_key_may_come_otherwise_than_the_seeds(
    bench: HsmBench, algorithm: str, of_mac_key: str
) -> None:
    way, seed = mixed(algorithm), drawn()
    mac = MacMethod("hmac-sha256", of_mac_key, mixed(of_mac_key).encrypt(MAC_KEY))
    good = way.seal(seed)
    spoilt = replace(good, seed=replace(good.seed, mac=bytes(32)))
    first, second = bench.seal(Head(way.encryption, mac), [good, spoilt])
    assert_opened(bench, first, seed)
    assert getattr(second, "reason", None) == "MAC_MISMATCH"


def test_a_mac_key_that_was_agreed_on_vouches_for_seeds_under_a_public_key(
    bench: HsmBench,
) -> None:
    way, seed = of_mixeds_public_key(bench), drawn()
    mac = MacMethod("hmac-sha256", "kw-aes256", mixed("kw-aes256").encrypt(MAC_KEY))
    (answer,) = bench.seal(Head(way.encryption, mac), [way.seal(seed)])
    assert_opened(bench, answer, seed)


def test_a_public_key_never_vouches_for_what_was_agreed_on(bench: HsmBench) -> None:
    """Anybody can encrypt a MAC key to it."""
    way, public = mixed("kw-aes256"), of_mixeds_public_key(bench)
    mac = MacMethod("hmac-sha256", public.algorithm, public.encrypt(MAC_KEY))
    assert head_refusal(bench, Head(way.encryption, mac), [way.seal(drawn())]) == (
        "UNSUPPORTED_ALGORITHM"
    )


def test_both_doors_make_the_same_macs(bench: HsmBench) -> None:
    rows = [identity(token_id=f"token-{number}") for number in range(3)]
    mine, print_of = bench.row_macs(rows), bench.fingerprint(TENANT, b"message")
    serving = bench.at("serving")
    assert waited(serving.row_macs(rows)) == mine
    assert serving.fingerprint(TENANT, b"message") == print_of


def mixed(algorithm: str) -> Way:
    """Return what the vendor with every key writes."""
    under = {
        "kw-aes256": wrapped_under(AES_KEYS[32]),
        "aes256-cbc": cbc_under(AES_KEYS[32]),
        "tripledes-cbc": des3_under(DES3_KEY),
    }
    custody = CustodyLabel.HOST_TRANSIENT  # nobody asks here
    return Way(algorithm, PreSharedKey("mixed"), under[algorithm], custody, "hmac-sha256")


def of_mixeds_public_key(bench: HsmBench) -> Way:
    half = public_half(bench.files, "mixed", "delivery")
    way = ways({**bench.public, "delivery": half})["rsa-oaep-mgf1p"]
    return replace(way, encryption=RsaKey("mixed"), mac="hmac-sha256")
