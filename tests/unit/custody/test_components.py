# SPDX-License-Identifier: Apache-2.0
"""A vendor's key from a file. At the prompt: tests/integration/test_ceremony.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kagimori.custody import components
from kagimori.custody.components import VendorKey, check_value
from kagimori.custody.plan import VendorSection
from kagimori.custody.refusal import CeremonyRefused

if TYPE_CHECKING:
    from pathlib import Path

KEY = "2b7e151628aed2a6abf7158809cf4f3c"


def collect(path: Path, text: str) -> tuple[VendorKey, list[str]]:
    path.write_text(text)
    section = VendorSection.model_validate({"use": "transport", "key": {"file": path}})
    said: list[str] = []
    (key,) = components.collect({"acme": [section]}, said.append)
    return key, said


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (KEY, "7DF76B"),  # RFC 4493 section 4: AES-128(key, 0)
        ("00" * 16, "66E94B"),  # NIST GCM test case 1: H
        ("00" * 24, "AAE069"),  # NIST GCM test case 7: H
        ("00" * 32, "DC95C0"),  # NIST GCM test case 13: H
    ],
)
def test_the_check_value_is_aes_of_a_zero_block(key: str, expected: str) -> None:
    assert check_value(bytes.fromhex(key)) == expected


@pytest.mark.parametrize("text", [KEY, f"{KEY.upper()}\n", " 2b7e1516 28aed2a6 abf71588 09cf4f3c "])
def test_a_file_of_hex_is_a_key(tmp_path: Path, text: str) -> None:
    key, said = collect(tmp_path / "acme.hex", text)
    assert key.value == bytes.fromhex(KEY)
    assert said == ["vendor acme: check value 7DF76B"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "0 bytes"),
        (KEY[:-2], "15 bytes"),
        (KEY + "00", "17 bytes"),
        (KEY[:-1], "not hexadecimal"),
        (KEY[:-1] + "g", "not hexadecimal"),
        ("２ｂ" + KEY[2:], "not ASCII"),  # noqa: RUF001 - full-width on purpose
    ],
)
def test_anything_else_is_refused_by_the_vendors_name(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(CeremonyRefused, match=rf"^vendor\.acme\.key: {reason}") as refused:
        collect(tmp_path / "acme.hex", text)
    assert KEY[:8] not in str(refused.value)


@pytest.mark.parametrize("length", [16, 24, 32])
def test_a_key_of_zeros_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(CeremonyRefused, match=r"^vendor\.acme\.key: the key is all zeros"):
        collect(tmp_path / "acme.hex", "00" * length)


def test_components_that_cancel_out_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # All three differ, and the third is the XOR of the others.
    typed = iter(["01" * 16, "02" * 16, "03" * 16])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
    section = VendorSection.model_validate({"use": "transport", "key": {"components": 3}})
    with pytest.raises(CeremonyRefused, match="the key is all zeros"):
        components.collect({"acme": [section]}, print)


def des3(path: Path, text: str) -> VendorKey:
    path.write_text(text)
    given = {"use": "transient", "cipher": "3DES", "key": {"file": path}}
    section = VendorSection.model_validate(given)
    (key,) = components.collect({"acme": [section]}, lambda _: None)
    return key


ONE, TWO, THREE = "0123456789abcdef", "23456789abcdef01", "456789abcdef0123"
ONE_WITH_OTHER_PARITY = "0022446688aaccee"


@pytest.mark.parametrize("text", [ONE + TWO + THREE, ONE + TWO + ONE])
def test_three_parts_are_a_3des_key(tmp_path: Path, text: str) -> None:
    key = des3(tmp_path / "acme.hex", text)
    assert (key.use, key.value) == ("transient_des3", bytes.fromhex(text))


def test_the_check_value_of_3des_is_openssls() -> None:
    # head -c 8 /dev/zero | openssl enc -des-ede3 -nopad -K ...
    assert check_value(bytes.fromhex(ONE + TWO + THREE), "3DES") == "4EBA73"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ONE + TWO, "16 bytes; a 3DES key has 24"),
        (ONE * 4, "32 bytes; a 3DES key has 24"),
        (ONE + ONE + TWO, "that is single DES"),
        (ONE + TWO + TWO, "that is single DES"),
        (ONE + ONE_WITH_OTHER_PARITY + TWO, "that is single DES"),
        ("00" * 24, "all zeros"),
        ("01" * 24, "that is single DES"),
    ],
)
def test_less_than_3des_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(CeremonyRefused, match=rf"^vendor\.acme\.key: .*{reason}") as refused:
        des3(tmp_path / "acme.hex", text)
    assert ONE[:8] not in str(refused.value)


def test_each_of_a_vendors_keys_is_asked_for_by_its_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        return "xyz"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", typed)
    (tmp_path / "acme.hex").write_text(KEY)
    sections = [
        VendorSection.model_validate({"use": "transport", "key": {"file": tmp_path / "acme.hex"}}),
        VendorSection.model_validate({"use": "onetime"}),
        VendorSection.model_validate(
            {"use": "transient", "cipher": "3DES", "key": {"components": 2}}
        ),
    ]
    said: list[str] = []
    with pytest.raises(
        CeremonyRefused, match=r"vendor\.acme \(transient, 3DES\)\.key: component 1"
    ):
        components.collect({"acme": sections}, said.append)
    assert said == ["vendor acme (transport, AES): check value 7DF76B"]
    assert asked == ["vendor acme (transient, 3DES): component 1 of 2: "]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.hex"
    section = VendorSection.model_validate({"use": "transient", "key": {"file": missing}})
    with pytest.raises(CeremonyRefused, match=r"vendor\.acme\.key: No such file.*none\.hex"):
        components.collect({"acme": [section]}, print)


def test_a_key_shows_in_no_repr() -> None:
    assert KEY not in repr(VendorKey("acme", "transport", bytes.fromhex(KEY)))
    assert "b'" not in repr(VendorKey("acme", "transport", bytes.fromhex(KEY)))
