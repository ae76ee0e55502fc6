# SPDX-License-Identifier: Apache-2.0
"""An import leaves the HSM now and then and enters it anew: nobody can tell, or it ends there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Sequence
from subprocess import PIPE, STDOUT

import pytest

from development.environment import Environment
from fakes.stock import FakeStock
from kagimori import core
from kagimori.adapters.spool import spool
from kagimori.adapters.vault import HsmImportVault, HsmVault, Sessions, importing
from kagimori.adapters.vault.delivery import keys_of
from kagimori.application.deliveries.import_tokens import ImportTokens
from kagimori.application.deliveries.ports import SeedRefused, SeedToSeal
from kagimori.application.deliveries.report import Ending, Result, Summary
from kagimori.application.deliveries.vendor_file import Head
from kagimori.application.ports import Match, Search
from kagimori.domain.code import Otp
from kagimori.domain.errors import HsmUnavailable
from kagimori.domain.lifecycle import State
from kagimori.domain.token import SealedSeed, Token
from kagimori.domain.window import Window
from support.custody.hsm import MODULE, HsmFiles, fresh_hsm
from support.custody.vault import hsm_of
from support.tokens import EVENT, identity
from support.vendors.deliveries import KEY, VENDOR, MemoryFile, Told
from support.vendors.import_authority import FLEET, ORDER, SERIALS, TENANT
from support.vendors.import_desk import ALL, Desk
from support.vendors.importing_house import House
from support.vendors.vendor_seals import VENDORS, code_of
from support.waiting import PATIENCE, search, waited

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

BATCH = 2
ENOUGH = 4
"""Seeds after which the HSM is left, here."""
WAYS = [
    "kw-aes256",
    "aes128-cbc",
    "tripledes-cbc",
    "password kw-aes256",
    "password aes256-cbc",
    "rsa-oaep-mgf1p",
    "one-time",
    "clear",
]
SEEDS = [bytes([number]) * 20 for number in range(1, 11)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> HsmFiles:
    vendors = {**VENDORS, VENDOR: ("transport", KEY)}
    return fresh_hsm(tmp_path_factory.mktemp("hsm"), {"abukuma": TENANT}, vendors)


@pytest.fixture
def house(files: HsmFiles, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("SOFTHSM2_CONF", str(files.conf))
    monkeypatch.setattr(importing, "_ENOUGH", ENOUGH)
    return House(files, monkeypatch)


def sealed_in_batches(
    vault: HsmImportVault, head: Head, seeds: Sequence[SeedToSeal]
) -> list[SealedSeed | SeedRefused]:
    batches = [seeds[begin : begin + BATCH] for begin in range(0, len(seeds), BATCH)]
    return [answer for batch in batches for answer in waited(vault.seal(TENANT, head, batch))]


# --- nobody can tell ----------------------------------------------------------------------


@pytest.mark.parametrize("name", WAYS)
def test_seeds_are_sealed_alike_before_and_after(house: House, name: str) -> None:
    way = house.way(name)
    with house.vault() as vault:
        answers = sealed_in_batches(vault, way.head, [way.seal(seed) for seed in SEEDS])
    # Ten seeds by two: after the fourth and after the eighth.
    assert house.door.entered == 3
    sealed = [answer for answer in answers if isinstance(answer, SealedSeed)]
    assert len(sealed) == len(SEEDS), answers
    assert {(one.custody, one.key_version, one.wrap_format) for one in sealed} == {
        (way.custody, sealed[0].key_version, sealed[0].wrap_format)
    }
    assert_their_codes(house, sealed)


def assert_their_codes(house: House, sealed: Sequence[SealedSeed]) -> None:
    serving = HsmVault.open(
        hsm_of(house.files), Sessions(1, wait=60, cache_entries=8, cache_seconds=60)
    )
    try:
        for seed, one in zip(SEEDS, sealed, strict=True):
            row = identity(EVENT, seed=one)
            token = Token(row, serving.row_mac(row), State.ACTIVE)
            asked = Search(token, Window(0, 0, 9), Otp(code_of(seed, 7)))
            assert search(serving, [asked]) == [Match(7)]
    finally:
        serving.close()


def test_a_seed_that_is_refused_is_refused_after_it_too(house: House) -> None:
    way = house.way("kw-aes256")
    bad = way.carry(b"\1" * 32)
    with house.vault() as vault:
        for _ in range(4):
            good, refused = waited(vault.seal(TENANT, way.head, [way.seal(SEEDS[0]), bad]))
            assert isinstance(good, SealedSeed)
            assert isinstance(refused, SeedRefused)
            assert refused.reason == "UNWRAP_FAILED"
    assert house.door.entered == 2


def test_rows_are_bound_and_names_digested_alike_before_and_after(house: House) -> None:
    way, rows = house.way("kw-aes256"), [identity(token_id=f"token-{n}") for n in range(3)]
    made = []
    with house.vault() as vault:
        for _ in range(4):
            sealed_in_batches(vault, way.head, [way.seal(seed) for seed in SEEDS[:BATCH]])
            made.append((waited(vault.row_macs(rows)), vault.fingerprint(TENANT, b"name")))
    assert house.door.entered == 2
    assert made == made[:1] * 4


@pytest.mark.parametrize("name", ["password kw-aes256", "password aes256-cbc"])
def test_a_password_is_stretched_once_for_a_file_all_the_same(house: House, name: str) -> None:
    way, derived = house.way(name), []
    head = way.head

    def counted(head: Head) -> core.DeliveryKeys:
        derived.append(head)
        return keys_of(head)

    house.patch.setattr(importing, "keys_of", counted)
    with house.vault() as vault:
        sealed_in_batches(vault, head, [way.seal(seed) for seed in SEEDS])
    assert (house.door.entered, derived) == (3, [head])


def test_the_door_is_held_at_each_entering_and_at_nothing_else(house: House) -> None:
    way, held = house.way("kw-aes256"), []
    real = core.ImportVault

    class Watched:
        @staticmethod
        def open(**settings: object) -> core.ImportVault:
            held.append(house.door.is_held)
            return real.open(**settings)  # type: ignore[arg-type] # as it was called

    house.patch.setattr(core, "ImportVault", Watched)
    with house.vault() as vault:
        for seed in SEEDS:
            waited(vault.seal(TENANT, way.head, [way.seal(seed)]))
            assert not house.door.is_held
    assert held == [True] * 3


# As an import of many seeds, but it enters anew before each batch after the first.
ANEW_AND_ANEW = """
from kagimori.adapters.vault import importing
from kagimori.cli import main
importing._ENOUGH = 256
main()
"""


def test_the_command_comes_to_its_end_by_several_enterings(place: Environment) -> None:
    desk, count = Desk(place), 4 * 256
    line = [sys.executable, "-c", ANEW_AND_ANEW, *desk.words(desk.bulk(count), "kagi-keywrap")]
    done = subprocess.run(
        line, stdout=PIPE, stderr=STDOUT, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == ALL, done.stdout
    assert len(desk.column("serial")) == count


# --- or it ends there -------------------------------------------------------------------

LOSSES: dict[str, Callable[[House], Callable[[], None]]] = {
    "no partition": lambda house: house.lose_the_hsm,
    "another policy": lambda house: house.spoil_the_policy,
    "no door": lambda house: house.shut_the_door,
}


@pytest.mark.parametrize("name", LOSSES)
def test_an_hsm_that_cannot_be_entered_again_is_away_and_refuses_no_seed(
    house: House, name: str
) -> None:
    way = house.way("kw-aes256")
    house.door.happens[2] = LOSSES[name](house)
    with house.vault() as vault:
        sealed_in_batches(vault, way.head, [way.seal(seed) for seed in SEEDS[:ENOUGH]])
        with pytest.raises(HsmUnavailable) as away:
            waited(vault.seal(TENANT, way.head, [way.seal(SEEDS[4]), way.seal(SEEDS[5])]))
        assert away.value.__notes__
        with pytest.raises(HsmUnavailable):
            waited(vault.row_macs([identity()]))
        with pytest.raises(HsmUnavailable):
            vault.fingerprint(TENANT, b"name")


def test_an_hsm_that_is_back_is_entered_by_the_next_batch(house: House) -> None:
    way = house.way("kw-aes256")
    house.door.happens = {2: house.lose_the_hsm, 3: house.find_the_hsm}
    asked = [way.seal(seed) for seed in SEEDS]
    with house.vault() as vault:
        answers = sealed_in_batches(vault, way.head, asked[:ENOUGH])
        with pytest.raises(HsmUnavailable):
            waited(vault.seal(TENANT, way.head, asked[ENOUGH:6]))
        answers += sealed_in_batches(vault, way.head, asked[ENOUGH:])
    sealed = [answer for answer in answers if isinstance(answer, SealedSeed)]
    assert_their_codes(house, sealed)


def imported(house: House, stock: FakeStock) -> tuple[Summary, Told]:
    """Bring a delivery of five in, by ones: the fifth needs the HSM to be entered anew."""
    told, file = Told(), MemoryFile(FLEET)
    with house.vault() as vault:
        use_case = ImportTokens(vault, stock, spool, batch=1)
        return asyncio.run(use_case(ORDER, file, told, file.reopened)), told


@pytest.mark.parametrize("name", LOSSES)
def test_an_import_ends_there_with_what_it_reported_and_another_run_goes_on(
    house: House, name: str
) -> None:
    stock = FakeStock()
    with house.patch.context() as during:
        broken = House(house.files, during)
        broken.door.happens[2] = LOSSES[name](broken)
        summary, told = imported(broken, stock)
    assert (summary.ending, type(summary.trouble)) == (Ending.FAILED, HsmUnavailable)
    in_stock = sorted(serial for _, serial in stock.tokens)
    assert in_stock == SERIALS[:ENOUGH]
    assert [(line.serial, line.result) for line in told.lines] == [
        (serial, Result.IMPORTED) for serial in in_stock
    ]
    assert not stock.finished
    summary, told = imported(house, stock)
    assert (summary.ending, summary.taken, summary.left_out) == (Ending.COMPLETE, 5, 0)
    assert sorted(serial for _, serial in stock.tokens) == SERIALS
