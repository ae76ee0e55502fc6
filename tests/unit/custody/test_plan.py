# SPDX-License-Identifier: Apache-2.0
"""The ceremony's file is read whole, and refused by the key's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kagimori.custody import plan
from kagimori.custody.refusal import CeremonyRefused
from support.custody.hsm import SERVING, TENANTS, write_plan

if TYPE_CHECKING:
    from pathlib import Path


def edited(directory: Path, old: str, new: str) -> Path:
    file = write_plan(directory).plan
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return file


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    read, tenants = plan.read(write_plan(tmp_path).plan)
    assert read.record == tmp_path / "ceremony.json"
    assert read.environment == {"SOFTHSM2_CONF": str(tmp_path / "softhsm2.conf")}
    assert {name: policy.service_id for name, policy in tenants.items()} == TENANTS


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('provider = "softhsm"', 'provider = "acme"', "provider: .*no such provider profile"),
        ('provider = "softhsm"', 'provider = "softhsm"\nextra = 1', "extra: "),
        ('provider = "softhsm"', "", "provider: is missing"),
        ('provider = "softhsm"', "provider =", "Invalid value"),
        ("libsofthsm2.so", "nothing.so", "module: .*no such file"),
        (f'label = "{SERVING}"', 'label = "kagimori-import"', "partition: .*two partitions"),
        (f'label = "{SERVING}"', f'label = "{"x" * 33}"', r"partition\.serving\.label: "),
        ('pin = { file = "serving.pin" }', 'pin = "1234"', r"partition\.serving\.pin: "),
        ('pin = { file = "serving.pin" }', "pin = {}", r"partition\.serving\.pin: .*exactly one"),
        ("tenants.toml", "nobody.toml", "nobody.toml: No such file"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(CeremonyRefused, match=message):
        plan.read(edited(tmp_path, old, new))


@pytest.mark.parametrize(
    ("vendor", "message"),
    [
        ('[vendor.x]\nuse = "both"\nkey = { components = 2 }', r"vendor\.x\.use: "),
        ('[vendor.x]\nuse = "transport"\nkey = {}', r"vendor\.x\.key: .*exactly one"),
        ('[vendor.x]\nuse = "transport"\nkey = { components = 1 }', r"key\.components: "),
        ('[vendor.x]\nuse = "transport"', r"vendor\.x: a transport key needs key"),
        (
            '[vendor.x]\nuse = "delivery"\nkey = { components = 2 }',
            r"vendor\.x: a delivery key is made in the HSM",
        ),
        (
            '[vendor.x]\nuse = "onetime"\ncipher = "3DES"',
            r"vendor\.x: 3DES is read with a transient key only",
        ),
        (
            '[vendor.x]\nuse = "transport"\ncipher = "3DES"\nkey = { components = 2 }',
            r"vendor\.x: 3DES is read with a transient key only",
        ),
        (
            '[vendor.x]\nuse = "transient"\ncipher = "DES"\nkey = { components = 2 }',
            r"vendor\.x\.cipher: ",
        ),
        ('[[vendor.x]]\nuse = "onetime"\n[[vendor.x]]\nuse = "both"', r"vendor\.x\.1\.use: "),
        ('[[vendor.x]]\nuse = "onetime"\n[[vendor.x]]\nuse = "onetime"', "twice"),
        ('[vendor."x/y"]\nuse = "transport"\nkey = { components = 2 }', "a name is"),
    ],
)
def test_a_wrong_vendor_is_named(tmp_path: Path, vendor: str, message: str) -> None:
    file = write_plan(tmp_path).plan
    file.write_text(file.read_text() + vendor)
    with pytest.raises(CeremonyRefused, match=message):
        plan.read(file)


def test_a_vendor_may_have_several_keys(tmp_path: Path) -> None:
    file = write_plan(tmp_path).plan
    file.write_text(
        file.read_text()
        + """
[[vendor.acme]]
use = "transport"
key = { file = "aes.hex" }
[[vendor.acme]]
use = "transient"
key = { components = 2 }
[[vendor.acme]]
use = "transient"
cipher = "3DES"
key = { components = 2 }
[[vendor.acme]]
use = "onetime"
[vendor.other]
use = "delivery"
"""
    )
    read, _ = plan.read(file)
    uses = [section.policy_use for section in read.vendor["acme"]]
    assert uses == ["transport", "transient", "transient_des3", "onetime"]
    first = read.vendor["acme"][0].key
    assert first is not None
    assert first.file == tmp_path / "aes.hex"
    assert read.generated == [("acme", "onetime"), ("other", "delivery")]


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CeremonyRefused) as refused:
        plan.read(tmp_path / "none.toml")
    assert str(refused.value) == f"{tmp_path / 'none.toml'}: No such file or directory"


def test_a_pin_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    old = 'pin = { file = "serving.pin" }'
    with pytest.raises(CeremonyRefused) as refused:
        plan.read(edited(tmp_path, old, 'pin = "8675309"'))
    assert "8675309" not in str(refused.value)
