# SPDX-License-Identifier: Apache-2.0
"""What a customer signs, as text: encoded by hand here, and by the authority."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.ocra import ocra
from kagimori.domain.errors import InvalidField
from kagimori.domain.transaction import (
    LONGEST_TEXT,
    SCANNED_SUITE,
    TYPED_PERIOD,
    TYPED_SUITE,
    AccountType,
    SigningProfile,
    check_challenge,
    question_of,
    typed,
)
from support.transactions import (
    VECTORS,
    challenge,
    encoded_by_app,
    listed,
    read_by_app,
    transaction,
    transfer,
)

KEY = b"the seed of a token that signs"
SECRETS = ("0001", "123", "1234567", "ﾔﾏﾀﾞ", "ﾊﾅｺ", "150000", "150_000", "INVOICE")


def by_name(vectors: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=[vector["name"] for vector in vectors])


accepted = by_name(VECTORS["accepted"])


@accepted
def test_a_challenge_encodes_as_it_was_written_by_hand(vector: dict[str, Any]) -> None:
    made = listed(vector)
    check_challenge(made)
    assert made.text == vector["text"]
    assert made.digest.hex() == vector["sha256"]
    scanned = question_of(SigningProfile.SCANNED, made)
    assert (scanned.suite, scanned.text, scanned.period) == (SCANNED_SUITE, vector["sha256"], 0)


@accepted
def test_the_app_reads_it_as_the_same(vector: dict[str, Any]) -> None:
    assert read_by_app(vector["text"]) == listed(vector)
    assert encoded_by_app(listed(vector)) == vector["text"]


@accepted
def test_one_transfer_is_typed_and_a_batch_is_not(vector: dict[str, Any]) -> None:
    made = listed(vector)
    if vector["typed"] is None:
        with pytest.raises(InvalidField, match="a batch can be scanned only"):
            typed(made.transaction)
        with pytest.raises(InvalidField, match="a batch can be scanned only"):
            question_of(SigningProfile.TYPED, made)
        return
    assert list(typed(made.transaction)) == vector["typed"]
    question = question_of(SigningProfile.TYPED, made)
    assert question.text == "".join(vector["typed"])
    assert (question.suite, question.period) == (TYPED_SUITE, TYPED_PERIOD)


@by_name(VECTORS["refused_transactions"])
def test_what_no_encoding_can_hold_is_refused_by_its_field(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidField) as refused:
        check_challenge(listed(vector))
    assert refused.value.field == vector["field"]
    with pytest.raises(ValueError, match=r"\A[^ﾔ]*\Z"):
        encoded_by_app(listed(vector))


@by_name(VECTORS["refused_texts"])
def test_what_is_no_encoding_is_not_read(vector: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="encoding") as refused:
        read_by_app(vector["text"])
    assert refused.value.__cause__ is None
    assert not [secret for secret in SECRETS if secret in str(refused.value)]


def test_the_longest_text_is_what_a_qr_code_holds() -> None:
    (longest,) = [each for each in VECTORS["accepted"] if "2331" in each["name"]]
    assert len(longest["text"].encode()) == LONGEST_TEXT


@pytest.mark.parametrize(
    "challenge_id",
    [
        "",
        "0192B3C4-5D6E-7F80-9123-456789ABCDEF",
        "0192b3c45d6e7f809123456789abcdef",
        "0192b3c4-5d6e-7f80-9123-456789abcdef\n",
        "0192b3c4-5d6e-7f80-9123-456789abcdef 1",
    ],
    ids=["nothing", "upper case", "no hyphens", "a line more", "a word more"],
)
def test_a_challenge_is_named_by_a_uuid_in_one_form(challenge_id: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check_challenge(challenge(challenge_id=challenge_id))
    assert refused.value.field == "challenge_id"


@pytest.mark.parametrize("service_id", ["", "1011223", "101122311", "1011223a", "10112231\n"])
def test_a_bank_is_named_by_its_service_id(service_id: str) -> None:
    with pytest.raises(InvalidField, match="service_id"):
        check_challenge(challenge(tenant=service_id))


def test_what_has_no_utf_8_is_refused_like_anything_else() -> None:
    with pytest.raises(InvalidField, match="payee_name"):
        check_challenge(challenge(transaction(payee_name="ﾔﾏﾀﾞ\ud800")))


def test_a_refusal_quotes_nothing() -> None:
    wrong = [
        transaction(payee_name="ﾔﾏﾀﾞ  ﾊﾅｺ"),
        transaction(reference="INVOICE "),
        transaction(amount=150_000 * 10**6),
        transaction(account_number="12345678"),
        transaction(bank="00011"),
        transaction(branch="1234"),
    ]
    for each in wrong:
        with pytest.raises(InvalidField) as refused:
            check_challenge(challenge(each))
        said = str(refused.value).replace("must be 1 to 9,999,999,999", "")
        assert not [secret for secret in SECRETS if secret in said]


def test_nothing_of_a_transaction_is_shown() -> None:
    made = challenge(transaction(transfer(), transfer(account_type=AccountType.CURRENT)))
    question = question_of(SigningProfile.SCANNED, made)
    typed_question = question_of(SigningProfile.TYPED, challenge())
    shown = repr((made, made.transaction, made.transaction.transfers, question, typed_question))
    assert not [secret for secret in SECRETS[2:] if secret in shown]
    assert made.digest.hex() not in shown


def test_a_challenge_that_is_changed_is_encoded_anew() -> None:
    made = challenge()
    assert replace(made, tenant="20160003").text == made.text.replace("10112231", "20160003")
    assert replace(made, tenant="20160003") != made
    assert replace(made) == made
    assert hash(replace(made)) == hash(made)


def test_a_numeric_question_would_be_one_for_two_payments() -> None:
    asked = transaction(account_number="1234567", amount=1000)
    stolen = transaction(account_number="1975307", amount=36_000)
    texts = [question_of(SigningProfile.TYPED, challenge(each)).text for each in (asked, stolen)]
    # RFC 6287 §5.1: the decimal in hexadecimal, filled up with zeros on the right.
    numeric = [f"{int(text):x}".ljust(256, "0") for text in texts]
    assert numeric[0] == numeric[1]
    in_numbers = TYPED_SUITE.replace("QA20", "QN20")
    codes = [ocra(KEY, in_numbers, text, time_step=1) for text in texts]
    assert codes[0] == codes[1]
    alphanumeric = [text.encode().ljust(128, b"\0") for text in texts]
    assert alphanumeric[0] != alphanumeric[1]
    steps = range(8)
    assert [ocra(KEY, TYPED_SUITE, texts[0], time_step=step) for step in steps] != [
        ocra(KEY, TYPED_SUITE, texts[1], time_step=step) for step in steps
    ]
