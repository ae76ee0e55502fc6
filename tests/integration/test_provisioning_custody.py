# SPDX-License-Identifier: Apache-2.0
"""A phone's seed: nowhere but in the phone and in the HSM.

What the vault asks of the HSM, what is left in its memory, and what somebody
learns who has the whole server, PIN included.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.custody.compromised import DONE, OTHER_TENANT, TENANT
from support.custody.hsm import MODULE, HsmFiles, fresh_hsm
from support.custody.memory import Pattern, copies
from support.custody.sealing import Sealer, sealer
from support.custody.shim import VALUE_READS, Shim, ensure_built
from support.phones.envelopes import provisioning_pem, seal

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

PLANTED = secrets.token_hex(16)
"""Lies in the sealing process's memory on purpose: the scan must find it."""

CALLS = ("C_UnwrapKey", "C_SignInit", "C_Sign", "C_WrapKey", "C_DestroyObject")
"""What the vault asks of the HSM, once for each envelope."""

REFUSALS = {
    "CKR_ACTION_PROHIBITED",
    "CKR_ATTRIBUTE_READ_ONLY",
    "CKR_ATTRIBUTE_SENSITIVE",
    "CKR_KEY_FUNCTION_NOT_PERMITTED",
    "CKR_KEY_NOT_WRAPPABLE",
    "CKR_KEY_TYPE_INCONSISTENT",
    "CKR_KEY_UNEXTRACTABLE",
    "CKR_MECHANISM_INVALID",
    "CKR_TEMPLATE_INCOMPLETE",
    "CKR_TEMPLATE_INCONSISTENT",
    "CKR_WRAPPING_KEY_TYPE_INCONSISTENT",
}
"""Plain noes: the HSM did not even try."""

OPENED = {
    "open as the policy says (reseal)",
    "open as the policy says (verify)",
    "seal and open again under another bank's wrapping key",
}
HARMLESS = {"compute an HMAC with it", "digest it"}
"""What can be done with an open seed."""


class Told(NamedTuple):
    """What an attempt came to; ``way`` is what was tried on the seed that it opened."""

    opening: str
    way: str | None
    answer: str
    learned: bytes


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> HsmFiles:
    tenants = {"kenshin": TENANT, "abukuma": OTHER_TENANT}
    return fresh_hsm(tmp_path_factory.mktemp("hsm"), tenants)


@pytest.fixture
def shim(tmp_path: Path) -> Shim:
    ensure_built()
    return Shim(tmp_path)


@pytest.fixture
def sealing(files: HsmFiles, shim: Shim) -> Iterator[Sealer]:
    with sealer(files, shim.path, {**shim.environment, "PLANTED": PLANTED}) as running:
        yield running


def drawn() -> bytes:
    return secrets.token_bytes(64)


def envelopes(files: HsmFiles, *seeds: bytes) -> list[bytes]:
    return [seal(provisioning_pem(files, TENANT), seed) for seed in seeds]


# --- what the vault does -----------------------------------------------------


def test_a_seed_is_opened_tried_sealed_and_gone(
    files: HsmFiles, shim: Shim, sealing: Sealer
) -> None:
    for _ in range(2):  # each session has found its keys then
        sealing.seal(TENANT, envelopes(files, drawn()))
    shim.reset()
    assert len(sealing.seal(TENANT, envelopes(files, drawn(), drawn()))) == 2
    assert shim.counts() == dict.fromkeys(CALLS, 2)


def test_no_value_is_read_or_made_and_nothing_decrypted(
    files: HsmFiles, shim: Shim, sealing: Sealer
) -> None:
    shim.reset()
    assert sealing.seal(TENANT, [b"garbage"]) == "EnvelopeUnfit"
    assert len(sealing.seal(TENANT, envelopes(files, drawn(), drawn()))) == 2
    used = shim.counts()
    assert used["C_UnwrapKey"] >= 3
    assert (used[VALUE_READS], used["C_GetAttributeValue"]) == (0, 0)
    assert {name for name in used if "Decrypt" in name or "Create" in name} == set()


def test_a_dead_hsm_is_no_unfit_envelope(files: HsmFiles, shim: Shim, sealing: Sealer) -> None:
    good = envelopes(files, drawn())
    shim.fail("C_UnwrapKey", "CKR_GENERAL_ERROR")
    assert sealing.seal(TENANT, good) == "HsmUnavailable"
    shim.clear()
    assert len(sealing.seal(TENANT, good)) == 1


@pytest.mark.parametrize("function", ["C_UnwrapKey", "C_Sign", "C_WrapKey", "C_DestroyObject"])
@pytest.mark.parametrize(
    "error", ["CKR_SESSION_HANDLE_INVALID", "CKR_KEY_HANDLE_INVALID", "CKR_USER_NOT_LOGGED_IN"]
)
def test_what_a_new_session_helps_against_is_tried_again(
    files: HsmFiles, shim: Shim, sealing: Sealer, function: str, error: str
) -> None:
    shim.fail(function, error, times=1)
    assert len(sealing.seal(TENANT, envelopes(files, drawn(), drawn()))) == 2


def test_no_seed_is_left_in_memory(files: HsmFiles, sealing: Sealer) -> None:
    assert copies(sealing.pid, Pattern.of(PLANTED.encode())) >= 1
    for _ in range(3):
        seeds = [drawn(), drawn()]
        assert len(sealing.seal(TENANT, envelopes(files, *seeds))) == 2
        forms = [Pattern.of(form) for seed in seeds for form in (seed, seed.hex().encode())]
        assert [copies(sealing.pid, form) for form in forms] == [0] * 4


def test_not_even_a_part_of_a_seed_is_left_in_memory(files: HsmFiles, sealing: Sealer) -> None:
    seed = drawn()
    assert len(sealing.seal(TENANT, envelopes(files, seed))) == 1
    parts = [Pattern.of(seed[at : at + 16]) for at in range(0, 64, 16)]
    assert [copies(sealing.pid, part) for part in parts] == [0] * 4


# --- what the whole server gives away ----------------------------------------


def raided(files: HsmFiles, seed: bytes, *options: str) -> list[Told]:
    """Let the attacker at an envelope with ``seed``."""
    with subprocess.Popen(
        [sys.executable, "-m", "support.custody.compromised", str(files.directory), *options],
        env={**files.environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pem = json.loads(process.stdout.readline())
        process.stdin.write(seal(pem, seed).hex() + "\n")
        process.stdin.flush()
        told = json.loads(process.stdout.readline())
    return [_told(line) for line in told]


def _told(line: dict[str, str]) -> Told:
    opening, _, way = line["attempt"].partition(": ")
    return Told(opening, way or None, line["answer"], bytes.fromhex(line["learned"]))


@pytest.fixture(scope="module")
def phones_seed() -> bytes:
    return drawn()


@pytest.fixture(scope="module")
def raid(files: HsmFiles, phones_seed: bytes) -> list[Told]:
    """What a raid on a genuine phone's envelope came to."""
    return raided(files, phones_seed)


def test_the_whole_server_learns_no_phones_seed(raid: list[Told], phones_seed: bytes) -> None:
    parts = [phones_seed[at : at + 8] for at in range(57)]
    assert not [told for told in raid if any(part in told.learned for part in parts)]


def test_whatever_would_give_it_away_is_refused(raid: list[Told]) -> None:
    attempts = [told for told in raid if told.way is None]
    worked = {told.opening for told in attempts if told.answer == DONE}
    # What is left out an HSM may fill in: what came of it is looked at below.
    filled_in = {told.opening for told in attempts if told.opening.startswith("open with no ")}
    assert worked - filled_in == OPENED | {"seal under another bank's wrapping key"}
    refused = {told.opening: told.answer for told in attempts if told.answer != DONE}
    assert refused.pop("open by another bank's key") == "CKR_GENERAL_ERROR"
    assert {answer for answer in refused.values() if answer not in REFUSALS} == set()
    assert len(refused) >= 40


def test_an_open_seed_gives_nothing_but_hmacs(raid: list[Told], phones_seed: bytes) -> None:
    ways = [told for told in raid if told.way is not None]
    assert {told.opening for told in ways} >= OPENED
    for told in ways:
        assert told.answer in REFUSALS or (told.way in HARMLESS and told.answer == DONE), told
    assert {told.answer for told in ways if told.way == "read it"} == {"CKR_ATTRIBUTE_SENSITIVE"}
    codes = {told.learned for told in ways if told.way == "compute an HMAC with it"}
    assert codes == {hmac.digest(phones_seed, b"12345678", "sha1")}
    digests = {told.learned for told in ways if told.way == "digest it"}
    assert digests == {hashlib.sha256(phones_seed).digest()}


def test_an_envelope_that_is_opened_again_gives_no_more(raid: list[Told]) -> None:
    again = [told for told in raid if told.opening == "open as the policy says (reseal)"]
    first, second = again[: len(again) // 2], again[len(again) // 2 :]
    assert first == second


def test_the_raid_succeeds_where_there_is_no_policy(files: HsmFiles) -> None:
    seed = drawn()
    learned = {
        (told.opening, told.way) for told in raided(files, seed, "--lax") if told.learned == seed
    }
    assert learned >= {
        ("open with SENSITIVE loosened", "read it"),
        ("open to be read", "read it"),
        ("decrypt (OAEP)", None),
    }
