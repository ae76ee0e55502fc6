# SPDX-License-Identifier: Apache-2.0
"""What a ceremony refuses, with nothing changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.custody.ceremony import NEEDS_SOFTHSM, ONE_TENANT, Held, digest
from support.custody.hsm import (
    MODULE,
    HsmFiles,
    hold_ceremony,
    write_plan,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = NEEDS_SOFTHSM


def test_a_second_ceremony_is_refused_and_changes_nothing(held: Held) -> None:
    before = digest(held.files.directory)
    again = hold_ceremony(held.files)
    assert again.returncode == 1
    assert again.stderr == (
        f"ceremony: {held.files.record_file} exists already: a ceremony is held once\n"
    )
    assert digest(held.files.directory) == before


def test_a_lost_record_does_not_open_the_door_to_a_second_one(held: Held, tmp_path: Path) -> None:
    text = held.files.plan.read_text().replace("ceremony.json", "other.json")
    other = HsmFiles(tmp_path)
    for file in held.files.directory.glob("*.hex"):
        text = text.replace(file.name, str(file))
    for name in ("serving", "import"):
        text = text.replace(f'"{name}.', f'"{held.files.directory}/{name}.')
    text = text.replace("./softhsm2.conf", str(held.files.conf))
    other.plan.write_text(text.replace("tenants.toml", str(held.files.tenants)))
    before = digest(held.files.directory), digest(tmp_path)
    again = hold_ceremony(other)
    assert again.returncode == 1
    assert again.stderr == (
        "ceremony: partition kagimori-serving holds keys already, and no record vouches for them "
        f'at {tmp_path / "other.json"}: see "A second time" in docs/ceremony.md\n'
    )
    assert (digest(held.files.directory), digest(tmp_path)) == before


def test_a_bad_vendor_key_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    files = write_plan(tmp_path, ONE_TENANT, {"acme": ("transport", bytes(15))})
    before = digest(tmp_path)
    refused = hold_ceremony(files)
    assert refused.returncode == 1
    assert refused.stderr == ("ceremony: vendor.acme.key: 15 bytes; an AES key has 16, 24 or 32\n")
    assert digest(tmp_path) == before


def test_a_3des_key_that_is_single_des_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    part, other = bytes.fromhex("0123456789abcdef"), bytes.fromhex("fedcba9876543210")
    files = write_plan(tmp_path, ONE_TENANT, {"acme": ("transient_des3", part + part + other)})
    before = digest(tmp_path)
    refused = hold_ceremony(files)
    assert refused.returncode == 1
    assert refused.stderr == (
        "ceremony: vendor.acme.key: two parts that follow each other are equal: "
        "that is single DES\n"
    )
    assert digest(tmp_path) == before


def test_a_public_half_of_before_is_not_overwritten(tmp_path: Path) -> None:
    files = write_plan(tmp_path, ONE_TENANT, {"acme": ("onetime", None)})
    files.public_half("acme", "onetime").write_text("of another ceremony")
    before = digest(tmp_path)
    refused = hold_ceremony(files)
    assert refused.returncode == 1
    assert "vendor-acme-onetime.pem exists already" in refused.stderr
    assert digest(tmp_path) == before


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        (
            '"ceremony.json"',
            '"/proc/x/ceremony.json"',
            "record: cannot be written: No such file or directory: /proc/x/ceremony.json",
        ),
        (
            '"ceremony.json"',
            '"tenants.toml/ceremony.json"',
            "record: cannot be written: Not a directory: {directory}/tenants.toml/ceremony.json",
        ),
        (
            '"./softhsm2.conf"',
            '"/proc/x/softhsm2.conf"',
            "SOFTHSM2_CONF: cannot be written: No such file or directory: /proc/x/softhsm2.conf",
        ),
        (
            '"import.so-pin"',
            '"/proc/x/pin"',
            (
                "the PIN for the security officer of kagimori-import: cannot be written: "
                "No such file or directory: /proc/x/pin"
            ),
        ),
        (
            '{ file = "serving.pin" }',
            "{ prompt = true }",
            "the PIN for the user of kagimori-serving is typed at a terminal, and this is none",
        ),
        (
            '{ file = "import.so-pin" }',
            '{ env = "SHORT_PIN" }',
            "the PIN for the security officer of kagimori-import: a PIN has 4 to 255 characters",
        ),
        (
            '{ file = "import.so-pin" }',
            '{ env = "EMPTY_PIN" }',
            "the PIN for the security officer of kagimori-import is empty",
        ),
    ],
)
def test_what_cannot_end_well_does_not_begin(
    tmp_path: Path, old: str, new: str, refusal: str
) -> None:
    files = write_plan(tmp_path, ONE_TENANT)
    text = files.plan.read_text()
    assert old in text
    files.plan.write_text(text.replace(old, new))
    before = digest(tmp_path)
    pins = "import os; os.environ.update(SHORT_PIN='123', EMPTY_PIN='')\n"
    refused = hold_ceremony(files, pins)
    assert refused.stderr == f"ceremony: {refusal.format(directory=tmp_path)}\n"
    assert (refused.returncode, refused.stdout) == (1, "")
    assert digest(tmp_path) == before


def test_no_tenant_is_no_ceremony(tmp_path: Path) -> None:
    files = write_plan(tmp_path, {})
    before = digest(tmp_path)
    refused = hold_ceremony(files)
    assert refused.returncode == 1
    assert re.fullmatch(r"ceremony: .*tenants\.toml: .*names no tenant\n", refused.stderr)
    assert digest(tmp_path) == before


def test_a_file_that_is_no_module_is_refused(tmp_path: Path) -> None:
    files = write_plan(tmp_path, ONE_TENANT)
    files.plan.write_text(files.plan.read_text().replace(str(MODULE), "tenants.toml"))
    refused = hold_ceremony(files)
    assert refused.returncode == 1
    assert "not a PKCS#11 module that starts" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_disk_that_fills_up_at_the_last_act_is_one_line(tmp_path: Path) -> None:
    files = write_plan(tmp_path, ONE_TENANT)
    full = "import os\ndef full(_): raise OSError(28, 'No space left on device')\nos.fsync = full\n"
    failed = hold_ceremony(files, full)
    assert failed.returncode == 1
    assert failed.stderr == "ceremony: cut off: [Errno 28] No space left on device\n"
    assert not files.record_file.exists()
    assert "and no record vouches for them" in hold_ceremony(files).stderr
