# SPDX-License-Identifier: Apache-2.0
"""A rewrapped file comes in through the HSM, with no import partition, and its codes are right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pskc import PSKC

from development import oathtool
from development.environment import kagimori
from development.vendor import Device
from kagimori.adapters.pskc.file import ReadOptions
from kagimori.adapters.vault import HsmImportVault, HsmVault, Sessions
from kagimori.application.deliveries.ports import SeedRefused, SeedToSeal
from kagimori.application.deliveries.vendor_file import VendorToken
from kagimori.application.ports import Match, Search
from kagimori.domain.code import Otp
from kagimori.domain.lifecycle import State
from kagimori.domain.token import CustodyLabel, SealedSeed, Token
from kagimori.domain.window import Window
from support.custody.hsm import MODULE, HsmFiles, fresh_hsm
from support.custody.vault import hsm_of
from support.tokens import OTHER_TENANT, TENANT, identity
from support.vendors.pskc_files import Read, read_path
from support.vendors.rewrapping import AES128, VENDOR, delivered
from support.waiting import search, waited

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

NOW = 1_900_000_000
# The last one's seed is shorter than its hash, which this HSM would refuse.
DEVICES = (
    Device("KAGI00000001", bytes(range(20)), "SHA1", 6, 0, 7),
    Device("KAGI00000002", bytes(range(20, 52)), "SHA256", 8, 60),
    Device("KAGI00000003", bytes(range(60, 124)), "SHA512", 6, 30),
    Device("KAGI00000004", bytes(range(1, 17)), "SHA1", 6, 30),
)


@dataclass
class House:
    """An HSM with a key for one-time keys, and a file that was rewrapped to it."""

    files: HsmFiles
    delivery: Read

    def asked(self) -> list[SeedToSeal]:
        return [SeedToSeal(t.seed, t.profile.hash) for t in self.delivery.tokens]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("hsm")
    tenants = {"abukuma": TENANT, "kakeshin": OTHER_TENANT}
    files = fresh_hsm(directory, tenants, {VENDOR: ("onetime", None)})
    keys = tuple(_key(device) for device in DEVICES)
    source = delivered(directory / "in.xml", "aes128-cbc", AES128, keys=keys)
    target, key = directory / "out.xml", directory / "vendor.hex"
    key.write_text(AES128.hex())
    to = files.public_half(VENDOR, "onetime")
    options = ("--vendor", VENDOR, "--to", to, "--key-file", key)
    done = kagimori("rewrap-pskc", source, target, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(files.conf))
        yield House(files, read_path(target, ReadOptions(VENDOR)))


def _key(device: Device) -> dict[str, object]:
    moving = {"time_interval": device.period} if device.period else {"counter": device.counter}
    return {
        "serial": device.serial,
        "secret": device.seed,
        "algorithm": f"urn:ietf:params:xml:ns:keyprov:pskc:{'totp' if device.period else 'hotp'}",
        "algorithm_suite": f"HMAC-{device.hash}",
        "response_length": device.digits,
        **moving,
    }


def test_the_importing_process_opens_it_inside_the_hsm(house: House) -> None:
    door = HsmImportVault.open(hsm_of(house.files), None, allow_host_transient=False)
    try:
        answers = waited(door.seal(TENANT, house.delivery.head, house.asked()))
    finally:
        door.close()
    assert [_custody(answer) for answer in answers] == [CustodyLabel.UNWRAPPED_IN_HSM] * 4
    _codes_agree(house, answers)


def test_so_does_the_serving_process(house: House) -> None:
    vault = _serving(house)
    try:
        answers = waited(vault.seal(TENANT, house.delivery.head, house.asked()))
    finally:
        vault.close()
    assert [_custody(answer) for answer in answers] == [CustodyLabel.UNWRAPPED_IN_HSM] * 4
    _codes_agree(house, answers)


def test_a_seed_in_anothers_place_is_refused_by_its_mac(house: House) -> None:
    vault = _serving(house)
    first, second, *_ = house.asked()
    swapped = replace(first, seed=replace(first.seed, ciphertext=second.seed.ciphertext))
    try:
        (bad, good) = waited(vault.seal(TENANT, house.delivery.head, [swapped, second]))
    finally:
        vault.close()
    assert isinstance(bad, SeedRefused)
    assert bad.reason == "MAC_MISMATCH"
    assert isinstance(good, SealedSeed)


def test_no_other_vendors_key_opens_it(house: House, tmp_path: Path) -> None:
    other = fresh_hsm(tmp_path, {"abukuma": TENANT}, {VENDOR: ("onetime", None)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(other.conf))
        door = HsmImportVault.open(hsm_of(other), None, allow_host_transient=False)
        try:
            with pytest.raises(SeedRefused, match="UNWRAP_FAILED"):
                waited(door.seal(TENANT, house.delivery.head, house.asked()))
        finally:
            door.close()


def test_an_oracle_without_our_hsm_reads_no_seed_of_it(house: House) -> None:
    document = PSKC(str(house.files.directory / "out.xml"))
    assert len(document.keys) == len(DEVICES)
    raw = (house.files.directory / "out.xml").read_bytes()
    for device in DEVICES:
        assert device.seed not in raw
        assert device.seed.hex().encode() not in raw


def _serving(house: House) -> HsmVault:
    return HsmVault.open(
        hsm_of(house.files), Sessions(2, wait=60, cache_entries=8, cache_seconds=60)
    )


def _codes_agree(house: House, answers: list[SealedSeed | SeedRefused]) -> None:
    vault = _serving(house)
    try:
        for device, token, answer in zip(DEVICES, house.delivery.tokens, answers, strict=True):
            assert isinstance(answer, SealedSeed)
            assert _step_of(vault, token, answer, _code(device)) == _step(device)
    finally:
        vault.close()


def _step_of(vault: HsmVault, token: VendorToken, sealed: SealedSeed, code: str) -> int | None:
    row = identity(token.profile, seed=sealed)
    asked = Token(row, vault.row_mac(row), State.ACTIVE, token.last_step)
    near = token.last_step + 1 if token.profile.period == 0 else NOW // token.profile.period
    (answer,) = search(vault, [Search(asked, Window(near, near, near + 1), Otp(code))])
    return answer.step if isinstance(answer, Match) else None


def _step(device: Device) -> int:
    return NOW // device.period if device.period else device.counter


def _code(device: Device) -> str:
    if device.period:
        return oathtool.time_code(device, NOW)
    return oathtool.event_code(device, device.counter)


def _custody(answer: SealedSeed | SeedRefused) -> CustodyLabel | str:
    return answer.custody if isinstance(answer, SealedSeed) else str(answer)
