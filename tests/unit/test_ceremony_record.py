# SPDX-License-Identifier: Apache-2.0
"""What processes read of a key ceremony's record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kagimori.bootstrap.record import canaries_of, keyed_tenants, provisioning_keys_of
from kagimori.bootstrap.refusals import StartError
from kagimori.domain.token import Hash


def canary(tenant: str, version: int) -> dict[str, object]:
    secrets = {"blob": "00" * 40, "challenge": "01", "response": "02"}
    return {"tenant": tenant, "key_version": version, **secrets}


def written(tmp_path: Path, **tables: object) -> Path:
    path = tmp_path / "ceremony.json"
    path.write_text(json.dumps(tables))
    return path


def test_every_version_of_a_tenants_keys_has_its_canary(tmp_path: Path) -> None:
    record = written(tmp_path, canaries=[canary("10112001", 1), canary("10112001", 2)])
    canaries = canaries_of(record, "RFC5649")
    assert [each.sealed.key_version for each in canaries] == [1, 2]
    assert {each.sealed.length for each in canaries} == {32}
    assert keyed_tenants(record) == {"10112001"}


def test_other_keys_are_no_provisioning_keys(tmp_path: Path) -> None:
    other = {"use": "row", "tenant": "10112001", "version": 1, "public_key_pem": None}
    keys = provisioning_keys_of(written(tmp_path, keys=[other]), Hash.SHA1)
    assert keys._keys == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"canaries": [{}]}', '{"canaries": 7}'])
def test_what_is_no_record_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ceremony.json"
    path.write_text(text)
    with pytest.raises(StartError, match="not a ceremony's record"):
        canaries_of(path, "RFC5649")


def test_a_record_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"No such file.*none\.json"):
        keyed_tenants(tmp_path / "none.json")
