# SPDX-License-Identifier: Apache-2.0
"""Answers to questions: RFC 6287's own, and openssl's for the suites that the RFC has none of."""

from __future__ import annotations

import hashlib
import secrets

import pytest

from development.openssl_ocra import SCANNED, TYPED, code_of_text, code_of_typed
from kagimori_client.token import ClockTooEarly
from kagimori_client.token.ocra import Suite
from support.ocra import OcraVector, rfc6287

UNKNOWN = ("OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1", "OCRA-1:HOTP-SHA256-8:QN08-PSHA1")
OF_AN_APP = [
    vector for vector in rfc6287() if not {"counter", "password_hash"} & vector.inputs.keys()
]
"""An app counts nothing and asks no PIN of its own."""


def test_there_are_vectors_of_every_hash_and_of_the_time() -> None:
    suites = {vector.suite for vector in OF_AN_APP}
    assert len(OF_AN_APP) == 40
    for part in ("SHA1-6", "SHA256-8", "SHA512-8", "QN08", "QA08", "QA10", "T1M"):
        assert any(part in suite for suite in suites), part


@pytest.mark.parametrize("vector", OF_AN_APP, ids=str)
def test_codes_of_rfc_6287_appendix_c(vector: OcraVector) -> None:
    question = vector.question + vector.inputs.get("own_question", "")
    step = vector.inputs.get("time_step")
    assert Suite.parse(vector.suite).code(vector.key, question, step) == vector.response


def test_openssl_agrees_about_a_hexadecimal_question() -> None:
    seed, text = secrets.token_bytes(64), "KAGIMORI-T1\n…"
    question, suite = hashlib.sha256(text.encode()).hexdigest(), Suite.parse(SCANNED)
    assert suite.code(seed, question) == code_of_text(seed, text)
    assert suite.code(seed, question.upper()) == code_of_text(seed, text)


@pytest.mark.parametrize("typed", ["12345671", "00000009999999999"])
def test_openssl_agrees_about_what_is_typed_and_the_time(typed: str) -> None:
    seed, suite = secrets.token_bytes(64), Suite.parse(TYPED)
    for at in (0, 29, 30, 1_700_000_040, 2**33):
        assert suite.code(seed, typed, suite.step(at)) == code_of_typed(seed, typed, at)


def test_a_number_is_padded_so_that_1_and_16_are_one_and_typed_text_is_not() -> None:
    seed = bytes(64)
    numeric, typed = Suite.parse("OCRA-1:HOTP-SHA256-8:QN20"), Suite.parse(TYPED)
    assert numeric.code(seed, "1") == numeric.code(seed, "16")
    assert typed.code(seed, "1", 0) != typed.code(seed, "16", 0)


@pytest.mark.parametrize(
    ("text", "period"), [("T1S", 1), ("T30S", 30), ("T59S", 59), ("T59M", 3540), ("T48H", 172_800)]
)
def test_a_time_step_is_so_many_seconds(text: str, period: int) -> None:
    suite = Suite.parse(f"OCRA-1:HOTP-SHA256-8:QA20-{text}")
    assert suite.period == period
    assert [suite.step(at) for at in (0.0, period - 0.5, period)] == [0, 0, 1]
    with pytest.raises(ClockTooEarly):
        suite.step(-0.5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OCRA-1",
        "OCRA-2:HOTP-SHA256-8:QH64",
        "OCRA-1:HOTP-MD5-8:QH64",
        "OCRA-1:HOTP-SHA256-3:QH64",
        "OCRA-1:HOTP-SHA256-0:QH64",
        "OCRA-1:HOTP-SHA256-11:QH64",
        "OCRA-1:HOTP-SHA256-8:QB64",
        "OCRA-1:HOTP-SHA256-8:QH03",
        "OCRA-1:HOTP-SHA256-8:QH65",
        "OCRA-1:HOTP-SHA256-8:QH8",
        "OCRA-1:HOTP-SHA256-8:QH64-T60S",
        "OCRA-1:HOTP-SHA256-8:QH64-T60M",
        "OCRA-1:HOTP-SHA256-8:QH64-T49H",
        "OCRA-1:HOTP-SHA256-8:QH64-T0S",
        "OCRA-1:HOTP-SHA256-8:QH64-T",
        "OCRA-1:HOTP-SHA256-8:QH64\n",
        "ocra-1:hotp-sha256-8:qh64",
        *UNKNOWN,
    ],
)
def test_what_is_no_suite_of_an_app_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no suite that this app knows"):
        Suite.parse(text)


@pytest.mark.parametrize(
    ("suite", "question"),
    [
        ("QH64", ""),
        ("QH64", "g" * 64),
        ("QH64", "a" * 129),
        ("QA08", "é"),
        ("QA08", "1\n"),
        ("QA08", "1" * 17),
        ("QN08", "-1"),
        ("QN08", "１"),  # noqa: RUF001 - full-width
        ("QN08", "1" * 17),
    ],
)
def test_a_question_of_another_form_is_refused_unquoted(suite: str, question: str) -> None:
    with pytest.raises(ValueError, match=r"^the question is not as the suite wants it$"):
        Suite.parse(f"OCRA-1:HOTP-SHA256-8:{suite}").code(bytes(64), question)


def test_the_time_is_given_just_where_it_is_asked() -> None:
    with pytest.raises(ValueError, match="time step"):
        Suite.parse(SCANNED).code(bytes(64), "ab", 1)
    with pytest.raises(ValueError, match="time step"):
        Suite.parse(TYPED).code(bytes(64), "ab")
