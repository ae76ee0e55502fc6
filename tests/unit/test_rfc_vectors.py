# SPDX-License-Identifier: Apache-2.0
"""The extension's HOTP against every vector of RFC 4226 and RFC 6238."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kagimori.core import hotp

_VECTORS = Path(__file__).parents[1] / "vectors"


def _read(name: str) -> dict[str, Any]:
    file: dict[str, Any] = json.loads((_VECTORS / name).read_text(encoding="utf-8"))
    return file


RFC4226 = _read("rfc4226.json")
RFC6238 = _read("rfc6238.json")


@pytest.mark.parametrize("vector", RFC4226["vectors"], ids=lambda vector: f"C={vector['counter']}")
def test_hotp_of_rfc_4226_appendix_d(vector: dict[str, Any]) -> None:
    key = RFC4226["key_ascii"].encode()
    code = hotp(key, vector["counter"], RFC4226["digits"], RFC4226["hash"])
    assert code == vector["code"]
    assert hotp(key, vector["counter"], 10, RFC4226["hash"]) == vector["ten_digits"]


@pytest.mark.parametrize(
    "vector", RFC6238["vectors"], ids=lambda vector: f"{vector['hash']} T={vector['time']}"
)
def test_totp_of_rfc_6238_appendix_b(vector: dict[str, Any]) -> None:
    key = RFC6238["keys_ascii"][vector["hash"]].encode()
    step = (vector["time"] - RFC6238["t0"]) // RFC6238["period"]
    assert step == vector["step"]
    assert hotp(key, step, RFC6238["digits"], vector["hash"]) == vector["code"]


def test_every_vector_is_there() -> None:
    assert [vector["counter"] for vector in RFC4226["vectors"]] == list(range(10))
    assert len(RFC6238["vectors"]) == 18


@pytest.mark.parametrize(("digits", "hash_name"), [(5, "SHA1"), (11, "SHA1"), (6, "MD5")])
def test_what_the_rfcs_do_not_know_is_refused(digits: int, hash_name: str) -> None:
    with pytest.raises(ValueError, match="unknown"):
        hotp(b"12345678901234567890", 0, digits, hash_name)
