# SPDX-License-Identifier: Apache-2.0
"""What ``kagimori app-profile`` prints is what an app takes, and nothing else is printed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from development.environment import Environment, kagimori, service_ids
from kagimori_client.token import AuthorityProfile

TARGET = "otp.example:7444"


def printed(place: Environment, target: str, ca: Path) -> subprocess.CompletedProcess[str]:
    words = ("--config", place.config, "--target", target, "--ca", ca)
    return kagimori("app-profile", *words)


def test_an_app_reads_the_pins_of_the_ceremonys_keys(place: Environment, tmp_path: Path) -> None:
    done = printed(place, TARGET, place.certificates / "ca.pem")
    assert done.returncode == 0, done.stderr
    file = tmp_path / "authority.toml"
    file.write_text(done.stdout)
    profile = AuthorityProfile.load(file)
    assert profile.target == TARGET
    assert sorted(profile.pins) == sorted(service_ids())
    for service_id, pins in profile.pins.items():
        assert pins == (pin_by_openssl(place, service_id),)
    # Those whose customers make their tokens before the bank knows them.
    assert profile.banks == {"20160002": "かけしん", "20160003": "あぶくま信用金庫"}


def pin_by_openssl(place: Environment, service_id: str) -> str:
    """Return SHA-256 of the SubjectPublicKeyInfo, as openssl makes it of the record's PEM."""
    keys = json.loads((place.directory / "hsm" / "ceremony.json").read_text())["keys"]
    (pem,) = [
        key["public_key_pem"]
        for key in keys
        if (key["use"], key["tenant"]) == ("provisioning", service_id)
    ]
    command = ["openssl", "pkey", "-pubin", "-outform", "DER"]
    der = subprocess.run(command, input=pem.encode(), capture_output=True, check=True).stdout
    digest = ["openssl", "dgst", "-sha256", "-r"]
    said = subprocess.run(digest, input=der, capture_output=True, check=True).stdout
    return said.split()[0].decode()


@pytest.mark.parametrize("target", ["", "otp.example", "otp.example:0", 'otp"example:7444'])
def test_an_address_that_is_none_is_refused(place: Environment, target: str) -> None:
    done = printed(place, target, place.certificates / "ca.pem")
    assert done.returncode == 2
    assert "--target" in done.stderr
    assert done.stdout == ""


def test_a_ca_that_is_not_there_is_named(place: Environment, tmp_path: Path) -> None:
    done = printed(place, TARGET, tmp_path / "none.pem")
    assert done.returncode == 1
    assert "none.pem" in done.stderr
    assert done.stdout == ""
