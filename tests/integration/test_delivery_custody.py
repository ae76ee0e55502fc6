# SPDX-License-Identifier: Apache-2.0
"""A vendor's seed on its way to the wrapping key: what the HSM is asked, what memory keeps.

Each process takes deliveries over and does nothing else, its HSM behind the shim.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from kagimori.application.deliveries.vendor_file import PasswordKey
from support.custody.delivering import Deliverer, deliverer
from support.custody.hsm import MODULE, HsmFiles, fresh_hsm
from support.custody.memory import Pattern, copies
from support.custody.shim import VALUE_READS, Shim, ensure_built
from support.tokens import TENANT
from support.vendors.vendor_seals import (
    INSIDE,
    MAC_KEY,
    VENDORS,
    WAYS,
    Way,
    derived,
    password,
    ways,
)

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

SEEDS = 5
PLANTED = secrets.token_hex(16)
"""Lies in the process's memory on purpose: the scan must find it."""

TRIED_AND_SEALED = {"C_SignInit": 1, "C_Sign": 1, "C_WrapKey": 1, "C_DestroyObject": 1}
"""What every seed costs once it is open."""
WITH_MAC = {"C_SignInit": 1, "C_Sign": 1}
"""What a MAC costs that is computed in the HSM."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> HsmFiles:
    return fresh_hsm(tmp_path_factory.mktemp("hsm"), {"abukuma": TENANT}, VENDORS)


@pytest.fixture(scope="module")
def shims(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Shim]:
    ensure_built()
    return {door: Shim(tmp_path_factory.mktemp(door)) for door in ("importing", "serving")}


@pytest.fixture(scope="module")
def doors(files: HsmFiles, shims: dict[str, Shim]) -> Iterator[dict[str, Deliverer]]:
    with ExitStack() as stack:
        yield {
            door: stack.enter_context(
                deliverer(files, shim.path, door, {**shim.environment, "PLANTED": PLANTED})
            )
            for door, shim in shims.items()
        }


@pytest.fixture(params=["importing", "serving"])
def door(request: pytest.FixtureRequest) -> str:
    door: str = request.param
    return door


@pytest.fixture
def importing(doors: dict[str, Deliverer]) -> Deliverer:
    return doors["importing"]


@pytest.fixture
def shim(shims: dict[str, Shim]) -> Iterator[Shim]:
    """The importing process's."""
    yield shims["importing"]
    shims["importing"].clear()


def public(files: HsmFiles) -> dict[str, RSAPublicKey]:
    halves = {}
    for vendor, use in (("rsa", "delivery"), ("offline", "onetime")):
        half = load_pem_public_key(files.public_half(vendor, use).read_bytes())
        assert isinstance(half, RSAPublicKey)
        halves[use] = half
    return halves


def way_of(files: HsmFiles, name: str) -> Way:
    return ways(public(files))[name]


def drawn() -> bytes:
    return secrets.token_bytes(20)


def costs_of(shim: Shim, process: Deliverer, way: Way, seeds: int) -> Counter[str]:
    """Return the calls that a delivery of so many seeds takes."""
    delivery = [way.seal(drawn()) for _ in range(seeds)]
    shim.reset()
    assert process.seal(TENANT, way.head, delivery) == [way.custody] * seeds
    return shim.counts()


def cost_of_one(shim: Shim, process: Deliverer, way: Way) -> dict[str, int]:
    """Return the calls that one seed more costs, in a delivery that is under way."""
    costs_of(shim, process, way, 2)  # its keys are found then
    few, many = (costs_of(shim, process, way, seeds) for seeds in (SEEDS, 2 * SEEDS))
    calls = many - few
    assert all(count % SEEDS == 0 for count in calls.values()), calls
    return {name: count // SEEDS for name, count in calls.items()}


# --- what the HSM is asked -----------------------------------------------------------


@pytest.mark.parametrize("name", ["kw-aes256", "rsa-oaep-mgf1p", "one-time"])
def test_a_seed_that_opens_inside_costs_one_unwrap(
    files: HsmFiles, shims: dict[str, Shim], doors: dict[str, Deliverer], door: str, name: str
) -> None:
    cost = cost_of_one(shims[door], doors[door], way_of(files, name))
    assert cost == dict(Counter(TRIED_AND_SEALED) + Counter(WITH_MAC) + Counter(C_UnwrapKey=1))


@pytest.mark.parametrize("name", ["aes128-cbc", "tripledes-cbc"])
def test_a_seed_that_the_host_opens_is_decrypted_once(
    files: HsmFiles, shim: Shim, importing: Deliverer, name: str
) -> None:
    cost = cost_of_one(shim, importing, way_of(files, name))
    opening = Counter(C_DecryptInit=1, C_Decrypt=1, C_CreateObject=1)
    assert cost == dict(Counter(TRIED_AND_SEALED) + opening)


@pytest.mark.parametrize("name", INSIDE)
def test_no_value_is_read_or_made_and_nothing_decrypted(
    files: HsmFiles, shims: dict[str, Shim], doors: dict[str, Deliverer], door: str, name: str
) -> None:
    shim, process, way = shims[door], doors[door], way_of(files, name)
    damaged = way.carry(b"\1" * 384)
    shim.reset()
    told = process.seal(TENANT, way.head, [way.seal(drawn()), damaged, way.seal(drawn())])
    assert (told[0], told[2]) == (way.custody, way.custody)
    used = shim.counts()
    assert used["C_UnwrapKey"] >= 3
    assert (used[VALUE_READS], used["C_GetAttributeValue"]) == (0, 0)
    assert {name for name in used if "Decrypt" in name or "Create" in name} == set()


@pytest.mark.parametrize("name", WAYS)
def test_nothing_that_was_made_for_a_delivery_outlives_it(
    files: HsmFiles, shim: Shim, importing: Deliverer, name: str
) -> None:
    way = way_of(files, name)
    good = way.seal(drawn())
    short = way.seal(drawn()[:8])
    shim.reset()
    told = importing.seal(TENANT, way.head, [good, short, good])
    assert (told[0], told[2]) == (way.custody, way.custody)
    used = shim.counts()
    # Twenty octets are tried as plain key wrap first, and made nothing.
    tried = 1 if way.algorithm.startswith("kw") else 0
    assert used["C_DestroyObject"] == used["C_UnwrapKey"] + used["C_CreateObject"] - tried


def test_vendors_keys_are_found_once(files: HsmFiles, shim: Shim, importing: Deliverer) -> None:
    for name in ("kw-aes256", "aes128-cbc", "rsa-1_5"):
        way = way_of(files, name)
        costs_of(shim, importing, way, 1)
        assert costs_of(shim, importing, way, 3)["C_FindObjectsInit"] == 0


def test_a_password_is_stretched_once_for_a_file(importing: Deliverer) -> None:
    way = password("kw-aes128", 16, iterations=3_000_000)

    def seconds() -> float:
        begun = time.perf_counter()
        assert importing.seal(TENANT, way.head, [way.seal(drawn())]) == ["HOST_TRANSIENT"]
        return time.perf_counter() - begun

    first = seconds()
    assert min(seconds() for _ in range(3)) < first / 4


# --- an HSM that fails -----------------------------------------------------------------


def test_a_dead_hsm_is_no_wrong_key(files: HsmFiles, shim: Shim, importing: Deliverer) -> None:
    way = way_of(files, "kw-aes256")
    good = [way.seal(drawn())]
    shim.fail("C_UnwrapKey", "CKR_GENERAL_ERROR")
    assert importing.seal(TENANT, way.head, good) == "HsmUnavailable"
    shim.clear()
    assert importing.seal(TENANT, way.head, good) == [way.custody]


@pytest.mark.parametrize("name", ["kw-aes256", "aes128-cbc", "password aes256-cbc", "one-time"])
@pytest.mark.parametrize(
    "function",
    ["C_UnwrapKey", "C_Decrypt", "C_Sign", "C_CreateObject", "C_WrapKey", "C_DestroyObject"],
)
def test_what_a_new_session_helps_against_is_tried_again(
    files: HsmFiles, shim: Shim, importing: Deliverer, function: str, name: str
) -> None:
    way = way_of(files, name)
    for error in ("SESSION_HANDLE_INVALID", "KEY_HANDLE_INVALID", "USER_NOT_LOGGED_IN"):
        shim.fail(function, f"CKR_{error}", times=1)
        seeds = [way.seal(drawn()), way.seal(drawn())]
        assert importing.seal(TENANT, way.head, seeds) == [way.custody] * 2, error
        shim.clear()


# --- what memory keeps ------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in WAYS if name != "clear"])
def test_no_seed_is_left_in_memory(files: HsmFiles, importing: Deliverer, name: str) -> None:
    way = way_of(files, name)
    assert copies(importing.pid, Pattern.of(PLANTED.encode())) >= 1
    seeds = [drawn() for _ in range(SEEDS)]
    told = importing.seal(TENANT, way.head, [way.seal(seed) for seed in seeds])
    assert told == [way.custody] * SEEDS
    parts = [part for seed in seeds for part in (seed[:16], seed[4:])]
    assert [copies(importing.pid, Pattern.of(part)) for part in parts] == [0] * len(parts)


@pytest.mark.parametrize("name", ["kw-aes256", "aes128-cbc", "tripledes-cbc", "rsa-1_5"])
def test_no_mac_key_is_left_in_memory(files: HsmFiles, importing: Deliverer, name: str) -> None:
    way = way_of(files, name)
    assert importing.seal(TENANT, way.head, [way.seal(drawn())]) == [way.custody]
    parts = [MAC_KEY[at : at + 16] for at in range(0, len(MAC_KEY), 16)]
    assert [copies(importing.pid, Pattern.of(part)) for part in parts] == [0] * len(parts)


@pytest.mark.parametrize("name", ["aes128-cbc", "tripledes-cbc"])
def test_a_seed_that_was_refused_is_not_left_in_memory_either(
    files: HsmFiles, importing: Deliverer, name: str
) -> None:
    way, seed = way_of(files, name), secrets.token_bytes(80)  # longer than its hash's block
    assert importing.seal(TENANT, way.head, [way.seal(seed)]) == ["UNSUPPORTED_ALGORITHM"]
    parts = [seed[at : at + 16] for at in range(0, 80, 16)]
    assert [copies(importing.pid, Pattern.of(part)) for part in parts] == [0] * len(parts)


@pytest.mark.parametrize("algorithm", ["kw-aes256", "aes256-cbc"])
def test_a_passwords_key_goes_with_its_file(
    files: HsmFiles, importing: Deliverer, algorithm: str
) -> None:
    way = password(algorithm, 32)
    assert isinstance(way.encryption, PasswordKey)
    assert importing.seal(TENANT, way.head, [way.seal(drawn())]) == [way.custody]
    key = Pattern.of(derived(way.encryption))
    assert copies(importing.pid, key) == 1  # in locked memory, for the file's next seeds
    other = way_of(files, "kw-aes256")
    assert importing.seal(TENANT, other.head, [other.seal(drawn())]) == [other.custody]
    assert copies(importing.pid, key) == 0
