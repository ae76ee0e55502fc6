# SPDX-License-Identifier: Apache-2.0
"""A token's file: opened by its passphrase only, whole or not at all, the owner's alone."""

from __future__ import annotations

import json
import os
import stat
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kagimori_client.token import (
    ClockReading,
    Cover,
    FileTaken,
    InvalidField,
    SoftwareToken,
    UnknownVersion,
    WrongPassphrase,
    fields,
    look,
)
from kagimori_client.token import safe as safes
from kagimori_client.token.record import Record, from_octets, to_octets
from kagimori_client.token.safe import USUAL, Safe
from support.phones.software_tokens import CHEAP, PASSPHRASE, record, token, written

PASSPHRASES = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40)
FULL = record(label="給与口座", clock=ClockReading(-1.5, 0.25, 1_700_000_000.5))


@given(passphrase=PASSPHRASES, other=PASSPHRASES)
def test_only_the_passphrase_opens_it(passphrase: str, other: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "token"
        written(path, FULL, fields.passphrase(passphrase))
        assert SoftwareToken.open(path, passphrase)._record == FULL
        if fields.passphrase(other) != fields.passphrase(passphrase):
            with pytest.raises(WrongPassphrase):
                SoftwareToken.open(path, other)


def test_the_same_passphrase_of_another_keyboard_opens_it(tmp_path: Path) -> None:
    composed = "パスワードでひらく ばんごう"
    decomposed = unicodedata.normalize("NFD", composed).replace(" ", "\u3000")
    assert decomposed != composed
    written(tmp_path / "token", passphrase=fields.passphrase(composed))
    assert SoftwareToken.open(tmp_path / "token", decomposed).serial == record().serial


def test_one_changed_octet_anywhere_opens_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "token", FULL)
    good = path.read_bytes()
    version = good.index(b'"version":1') + len(b'"version":')
    for place, octet in enumerate(good):
        for changed in {octet ^ 1, ord(" ")} - {octet}:
            path.write_bytes(good[:place] + bytes([changed]) + good[place + 1 :])
            wanted = (UnknownVersion, WrongPassphrase) if place == version else WrongPassphrase
            with pytest.raises(wanted):
                SoftwareToken.open(path, PASSPHRASE)
    path.write_bytes(good)
    assert SoftwareToken.open(path, PASSPHRASE)._record == FULL


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 400), tail=st.binary(max_size=30))
def test_a_cut_or_lengthened_file_opens_nothing(cut: int, tail: bytes, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.unlink(missing_ok=True)
    good = written(path, FULL).read_bytes()
    changed = good[: len(good) - cut] + tail
    if changed != good:
        path.write_bytes(changed)
        with pytest.raises(WrongPassphrase):
            SoftwareToken.open(path, PASSPHRASE)


@pytest.mark.parametrize("garbage", [b"", b"{}", b"[]", b"null", b'{"header":1}', b"[" * 50_000])
def test_what_is_no_token_opens_nothing(garbage: bytes, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(garbage)
    with pytest.raises(WrongPassphrase):
        look(tmp_path / "token")


def _reheaded(path: Path, **changes: Any) -> None:  # noqa: ANN401 - whatever JSON holds
    outer = json.loads(path.read_bytes())
    outer["header"] |= changes
    path.write_bytes(safes._canonical(outer) + b"\n")


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_version_is_named(version: int, tmp_path: Path) -> None:
    path = written(tmp_path / "token")
    _reheaded(path, version=version)
    with pytest.raises(UnknownVersion, match=f"version {version},"):
        SoftwareToken.open(path, PASSPHRASE)


@pytest.mark.parametrize(
    "cost",
    [
        {"n": 2**30, "r": 8, "p": 1},
        {"n": 2**15, "r": 2**20, "p": 1},
        {"n": 2**15, "r": 8, "p": 10**9},
        {"n": 3, "r": 8, "p": 1},
        {"n": 2, "r": 8, "p": True},
        {"n": -2, "r": 8, "p": 1},
    ],
)
def test_no_file_asks_for_an_unbearable_cost(cost: dict[str, int], tmp_path: Path) -> None:
    path = written(tmp_path / "token")
    _reheaded(path, scrypt=cost | {"salt": "00" * 16})
    with pytest.raises(WrongPassphrase):
        SoftwareToken.open(path, PASSPHRASE)


def test_a_forged_cover_puts_nothing_on_a_terminal(tmp_path: Path) -> None:
    path = written(tmp_path / "token")
    forged = {"service_id": "1", "issuer": "\x1b[2J", "label": None, "finished": True}
    _reheaded(path, cover=forged)
    with pytest.raises(WrongPassphrase):
        look(path)


def test_the_usual_cost_is_the_one_that_is_promised(tmp_path: Path) -> None:
    safe = Safe.create(tmp_path / "token", PASSPHRASE)
    safe.write(Cover("10112231"), b"body")
    header = json.loads((tmp_path / "token").read_bytes())["header"]
    asked = {name: header["scrypt"][name] for name in "nrp"}
    assert asked == {"n": 2**15, "r": 8, "p": 1}
    assert USUAL.is_bearable()
    assert Safe.unlock(tmp_path / "token", PASSPHRASE)[1:] == (Cover("10112231"), b"body")


def test_the_file_is_the_owners_alone_and_shows_no_secret(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = written(tmp_path / "token", FULL)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    octets = path.read_bytes()
    for secret in (FULL.user_id.encode(), FULL.serial.encode(), PASSPHRASE.encode()):
        assert secret not in octets
    assert look(path) == Cover("10112231", "熊本県信用組合", "給与口座", finished=True)


def test_no_two_writings_are_alike(tmp_path: Path) -> None:
    path = tmp_path / "token"
    safe = Safe.create(path, PASSPHRASE, CHEAP)
    nonces = set()
    for _ in range(20):
        safe.write(FULL.cover, to_octets(FULL))
        nonces.add(json.loads(path.read_bytes())["header"]["nonce"])
    assert len(nonces) == 20


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = token(tmp_path)
    before = (tmp_path / "1.json").read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        mine.relabel("new")
    assert [path.name for path in tmp_path.iterdir()] == ["1.json"]
    assert (tmp_path / "1.json").read_bytes() == before
    assert mine.label is None


def test_the_file_is_durable_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        order.append("sync")
        sync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        order.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    written(tmp_path / "token")
    assert order == ["sync", "rename", "sync"]


def test_no_other_file_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("mine")
    with pytest.raises(FileTaken):
        Safe.create(tmp_path / "token", PASSPHRASE, CHEAP)


def test_a_label_and_a_reading_outlive_the_app(tmp_path: Path) -> None:
    token(tmp_path).relabel("  か\u3099っこう  ")
    again = SoftwareToken.open(tmp_path / "1.json", PASSPHRASE)
    assert again.label == "がっこう"
    assert look(tmp_path / "1.json").label == "がっこう"
    again.relabel(None)
    assert SoftwareToken.open(tmp_path / "1.json", PASSPHRASE).label is None


RECORDS = [record(), FULL, record(transaction_signing=True, issuer="")]


@pytest.mark.parametrize("kept", RECORDS, ids=["plain", "full", "signing"])
def test_what_is_kept_comes_back(kept: Record) -> None:
    assert from_octets(to_octets(kept)) == kept


@pytest.mark.parametrize("passphrase", ["", "short", "\udce3" * 8, "あいうえおかき"])
def test_a_passphrase_is_text_of_8_characters_or_more(passphrase: str) -> None:
    with pytest.raises(InvalidField) as refused:
        fields.passphrase(passphrase)
    assert refused.value.field == "passphrase"
    assert not passphrase or passphrase not in str(refused.value)
