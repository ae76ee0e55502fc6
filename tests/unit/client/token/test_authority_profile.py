# SPDX-License-Identifier: Apache-2.0
"""What an app ships with: read whole, or refused with the reason."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from development.certificates import new_authority
from kagimori_client.token import AuthorityProfile, ProfileRefused, pin_of
from support.phones.token_authority import private_key, public_key

PIN, NEXT = "ab" * 32, "cd" * 32


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_authority(tmp_path_factory.mktemp("ca")).ca_file


def load(path: Path, text: str) -> AuthorityProfile:
    path.write_text(text, encoding="utf-8")
    return AuthorityProfile.load(path)


def toml(
    target: str = "authority.example:7444", ca: str = "ca.pem", pins: str = f'["{PIN}"]'
) -> str:
    return f'target = "{target}"\nauthority_ca = "{ca}"\n[pins]\n10112231 = {pins}\n'


def test_a_file_names_the_authority_and_its_pins(ca_file: Path, tmp_path: Path) -> None:
    text = toml(ca=str(ca_file), pins=f'["{PIN.upper()}", "{NEXT}"]')
    profile = load(tmp_path / "authority.toml", text)
    assert profile.target == "authority.example:7444"
    assert profile.authority_ca == ca_file.read_bytes()
    assert profile.pins == {"10112231": (PIN, NEXT)}


def test_a_ca_file_lies_beside_the_profile(ca_file: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(ca_file.read_bytes())
    assert load(tmp_path / "authority.toml", toml()).authority_ca == ca_file.read_bytes()


def test_a_ca_can_be_written_into_the_profile(ca_file: Path, tmp_path: Path) -> None:
    text = toml().replace('"ca.pem"', f'"""{ca_file.read_text()}"""')
    assert load(tmp_path / "authority.toml", text).authority_ca == ca_file.read_bytes()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("target = ", "not TOML"),
        ('target = "a:1"\n', "lacks authority_ca, pins"),
        ("extra = 1\n" + toml(), "unknown extra"),
        (toml(target="authority.example"), "target must be host:port"),
        (toml(target="https://a:1"), "target must be host:port"),
        (toml(pins="[]"), "pins of 10112231"),
        (toml(pins=f'"{PIN}"'), "pins of 10112231"),
        (toml(pins='["abcd"]'), "pins of 10112231"),
        (toml(pins="[1]"), "pins of 10112231"),
        (toml().replace("10112231", "kumamoto"), "8 digits"),
        ('target = "a:1"\nauthority_ca = "ca.pem"\npins = 1\n', "pins must be a table"),
        (toml().replace('"ca.pem"', "1"), "authority_ca must be"),
        (toml(ca="-----BEGIN nothing"), "certificate in PEM"),
    ],
)
def test_what_is_wrong_is_said(text: str, reason: str, ca_file: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(ca_file.read_bytes())
    with pytest.raises(ProfileRefused, match=reason):
        load(tmp_path / "authority.toml", text)


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        AuthorityProfile.load(tmp_path / "authority.toml")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "authority.toml", toml(ca="missing.pem"))


def test_a_pin_is_what_openssl_says(tmp_path: Path) -> None:
    der = public_key(private_key(0))
    (tmp_path / "key.der").write_bytes(der)
    command = ["openssl", "pkey", "-pubin", "-inform", "DER", "-in", str(tmp_path / "key.der")]
    again = subprocess.run([*command, "-outform", "DER"], capture_output=True, check=True).stdout
    assert pin_of(der) == hashlib.sha256(again).hexdigest()
