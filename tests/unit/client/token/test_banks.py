# SPDX-License-Identifier: Apache-2.0
"""The banks that a customer can choose by name are in what the app ships with."""

from __future__ import annotations

from pathlib import Path

import pytest

from development.certificates import new_authority
from kagimori_client.token import AuthorityProfile, ProfileRefused

PIN = "ab" * 32
PINS = f'[pins]\n20160002 = ["{PIN}"]\n20160003 = ["{PIN}"]\n'


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> str:
    ca_file = new_authority(tmp_path_factory.mktemp("ca")).ca_file
    return f'target = "authority.example:7444"\nauthority_ca = "{ca_file}"\n'


def load(path: Path, text: str) -> AuthorityProfile:
    path.write_text(text, encoding="utf-8")
    return AuthorityProfile.load(path)


def test_a_bank_is_found_by_its_name_and_by_its_service_id(head: str, tmp_path: Path) -> None:
    banks = '[banks]\n20160003 = "あぶくま信用金庫"\n'
    profile = load(tmp_path / "authority.toml", head + PINS + banks)
    assert profile.banks == {"20160003": "あぶくま信用金庫"}
    assert profile.service_id_of("あぶくま信用金庫") == "20160003"
    assert profile.service_id_of("20160003") == "20160003"
    assert profile.service_id_of("20160002") == "20160002"
    for unknown in ("", "10112231", "あぶくま", "AB"):
        assert profile.service_id_of(unknown) is None


def test_names_need_not_be_there(head: str, tmp_path: Path) -> None:
    assert load(tmp_path / "authority.toml", head + PINS).banks == {}


def test_a_name_of_two_banks_is_no_choice(head: str, tmp_path: Path) -> None:
    banks = '[banks]\n20160002 = "同名"\n20160003 = "同名"\n'
    assert load(tmp_path / "authority.toml", head + PINS + banks).service_id_of("同名") is None


@pytest.mark.parametrize(
    ("banks", "reason"),
    [
        ('[banks]\n10112231 = "くまもと"\n', "without pins"),
        ("[banks]\n20160002 = 1\n", "a line of text"),
        ('[banks]\n20160002 = ""\n', "a line of text"),
        ('[banks]\n20160002 = "a\\nb"\n', "a line of text"),
        ('[banks]\n20160002 = "a\\u202Eb"\n', "a line of text"),
        (f'[banks]\n20160002 = "{"x" * 101}"\n', "a line of text"),
    ],
    ids=["no pins", "number", "empty", "two lines", "turned", "long"],
)
def test_what_is_wrong_is_said(banks: str, reason: str, head: str, tmp_path: Path) -> None:
    with pytest.raises(ProfileRefused, match=reason):
        load(tmp_path / "authority.toml", head + PINS + banks)


def test_banks_are_a_table(head: str, tmp_path: Path) -> None:
    with pytest.raises(ProfileRefused, match="banks must be a table"):
        load(tmp_path / "authority.toml", f'banks = "かけしん"\n{head}{PINS}')
