# SPDX-License-Identifier: Apache-2.0
"""The extension's OCRA against every vector of RFC 6287, and against openssl."""

from __future__ import annotations

from typing import Any

import pytest

from development.openssl_ocra import code_of, hmac_of
from kagimori.core import SearchJob, TokenRow, ocra
from support.ocra import KEYS, TABLES, OcraVector, rfc6287

K20, K32, K64 = KEYS["20"], KEYS["32"], KEYS["64"]
NOT_TOLD = "4711"


@pytest.mark.parametrize("vector", rfc6287(), ids=str)
def test_ocra_of_rfc_6287_appendix_c(vector: OcraVector) -> None:
    assert ocra(vector.key, vector.suite, vector.question, **vector.inputs) == vector.response


def test_every_vector_is_there() -> None:
    assert [len(table["vectors"]) for table in TABLES] == [10, 10, 5, 10, 5, 5, 5, 5, 5, 5, 5]
    modes = [table["mode"] for table in TABLES]
    assert (modes.count("one-way"), modes.count("plain signature")) == (5, 2)
    assert (modes.count("mutual, server"), modes.count("mutual, client")) == (2, 2)


@pytest.mark.parametrize(("key", "name"), [(K20, "SHA1"), (K32, "SHA256"), (K64, "SHA512")])
@pytest.mark.parametrize("digits", [0, 4, 5, 6, 7, 8, 9, 10])
@pytest.mark.parametrize("counter", [0, 1, 2**64 - 1])
def test_each_truncation_is_that_of_openssls_mac(
    key: bytes, name: str, digits: int, counter: int
) -> None:
    suite = f"OCRA-1:HOTP-{name}-{digits}:C-QA08"
    message = suite.encode() + b"\0" + counter.to_bytes(8, "big") + b"SIG10000" + bytes(120)
    mac = hmac_of(name, key, message)
    wanted = code_of(mac, digits) if digits else mac.hex()
    assert ocra(key, suite, "SIG10000", counter=counter) == wanted


@pytest.mark.parametrize(
    ("data", "question", "octets"),
    [
        ("QN08", "12345678", "bc614e"),
        ("QN08", "0001", "10"),
        ("QN08", "0000", ""),
        ("QN64", "9" * 64, "184f03e93ff9f4daa797ed6e38ed64bf6a1f00ffffffffffffffff"),
        ("QH8", "0aF9b", "0af9b0"),
        ("QH64", "0f" * 32, "0f" * 32),
        ("QA64", "Az09" * 16, (b"Az09" * 16).hex()),
        ("QA20", "12345671000", b"12345671000".hex()),
    ],
)
def test_each_question_is_padded_as_the_rfc_says(data: str, question: str, octets: str) -> None:
    suite = f"OCRA-1:HOTP-SHA256-0:{data}"
    message = suite.encode() + b"\0" + bytes.fromhex(octets).ljust(128, b"\0")
    assert ocra(K32, suite, question) == hmac_of("SHA256", K32, message).hex()


@pytest.mark.parametrize("step", ["T1S", "T59S", "T1M", "T59M", "T0H", "T1H", "T48H", "T"])
def test_a_time_step_goes_in_last(step: str) -> None:
    suite = f"OCRA-1:HOTP-SHA1-10:QN08-{step}"
    message = suite.encode() + b"\0" + bytes(128) + bytes.fromhex("000000000132d0b6")
    wanted = code_of(hmac_of("SHA1", K20, message), 10)
    assert ocra(K20, suite, "00000000", time_step=0x132D0B6) == wanted


@pytest.mark.parametrize(
    ("session", "length"), [("S", 64), ("S001", 1), ("S064", 64), ("S128", 128), ("S512", 512)]
)
@pytest.mark.parametrize("given", [b"", b"\xe5", b"all"])
def test_zeros_go_before_a_short_session(session: str, length: int, given: bytes) -> None:
    text = given * length if given == b"all" else given
    text = text[:length]
    suite = f"OCRA-1:HOTP-SHA1-10:QN08-{session}"
    message = suite.encode() + b"\0" + bytes(128) + bytes(length - len(text)) + text
    wanted = code_of(hmac_of("SHA1", K20, message), 10)
    assert ocra(K20, suite, "00000000", session=text) == wanted


@pytest.mark.parametrize(("name", "length"), [("SHA1", 20), ("SHA256", 32), ("SHA512", 64)])
def test_everything_goes_in_in_the_order_of_the_rfc(name: str, length: int) -> None:
    suite = f"OCRA-1:HOTP-SHA512-8:C-QH16-P{name}-S064-T30S"
    password, session = b"P" * length, b"session"
    message = b"".join(
        (
            suite.encode() + b"\0",
            bytes.fromhex("0000000000000007"),
            bytes.fromhex("c0ffee0ff1ce").ljust(128, b"\0"),
            password,
            session.rjust(64, b"\0"),
            bytes.fromhex("0000000001234567"),
        )
    )
    code = ocra(
        K64,
        suite,
        "c0ffee",
        own_question="0ff1ce",
        counter=7,
        password_hash=password,
        session=session,
        time_step=0x1234567,
    )
    assert code == code_of(hmac_of("SHA512", K64, message), 8)


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        ("", "begins with OCRA-1"),
        ("OCRA-2:HOTP-SHA1-6:QN08", "begins with OCRA-1"),
        ("OCRA-1:HOTP-MD5-6:QN08", "function"),
        ("OCRA-1:HOTP-SHA1-3:QN08", "function"),
        ("OCRA-1:HOTP-SHA1-6:QN65", "question"),
        ("OCRA-1:HOTP-SHA1-6:QN08-PMD5", "password"),
        ("OCRA-1:HOTP-SHA1-6:QN08-S513", "session"),
        ("OCRA-1:HOTP-SHA1-6:QN08-T60S", "time step"),
        ("OCRA-1:HOTP-SHA1-6:QN08-X", "in this order"),
    ],
)
def test_what_is_no_suite_is_refused_by_the_part(suite: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ocra(K20, suite, "12345678")


@pytest.mark.parametrize(
    ("data", "given", "said"),
    [
        ("QN04", {}, "the question"),
        ("QN08", {"own_question": "4711a"}, "the question"),
        ("QN08", {"counter": 4711}, "a counter"),
        ("C-QN08", {}, "a counter"),
        ("QN08-PSHA1", {"password_hash": b"4711"}, "the password"),
        ("QN08-S001", {"session": b"4711"}, "the session"),
        ("QN08", {"time_step": 4711}, "a time step"),
        ("QN08-T1M", {}, "a time step"),
    ],
)
def test_what_does_not_fit_the_suite_is_refused_and_not_quoted(
    data: str, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        ocra(K20, f"OCRA-1:HOTP-SHA1-6:{data}", NOT_TOLD + "0815", **given)
    assert NOT_TOLD not in str(caught.value)


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_has_64_bits(number: int) -> None:
    with pytest.raises(OverflowError):
        ocra(K20, "OCRA-1:HOTP-SHA1-6:C-QN08", "12345678", counter=number)


@pytest.mark.parametrize(
    ("suite", "code", "steps", "said"),
    [
        ("OCRA-1:HOTP-SHA1-6:QN8", "12345a", None, "the code"),
        ("OCRA-1:HOTP-SHA1-6:QN8", "123", None, "the code"),
        ("OCRA-1:HOTP-SHA1-0:QN8", "-0", None, "the code"),
        ("OCRA-1:HOTP-SHA1-0:QN8", "123456", None, "the code"),
        ("OCRA-1:HOTP-SHA1-6:QN8", "123456", (0, 0, 0), "steps"),
        ("OCRA-1:HOTP-SHA1-6:QN8-T1M", "123456", None, "a time step"),
        ("OCRA-1:HOTP-SHA1-6:QN8-T1M", "123456", (1, 0, 2), "steps"),
        ("OCRA-1:HOTP-SHA1-6:QN8-T1M", "123456", (0, 0, 5000), "steps"),
        ("OCRA-1:HOTP-SHA1-6:QN9x", "123456", None, "question"),
    ],
)
def test_a_signature_that_no_suite_has_is_refused_before_the_hsm(
    suite: str, code: str, steps: tuple[int, int, int] | None, said: str
) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        SearchJob.signature(signing_row(), suite, NOT_TOLD, code, steps)
    assert NOT_TOLD not in str(caught.value)
    assert code not in str(caught.value)


def signing_row() -> TokenRow:
    profile: tuple[Any, ...] = ("TIME", "SHA1", 8, 60, 0)
    seed: tuple[Any, ...] = ("SEALED_BY_APP", 64, 1, "RFC5649", b"", b"")
    return TokenRow("20160003", "1", "KG1", "", "SOFTWARE", "SIGNING", *profile, *seed)
