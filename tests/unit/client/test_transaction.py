# SPDX-License-Identifier: Apache-2.0
"""The client's transactions: what can be one, its one text, and no other text that is read."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kagimori_client.errors import CallRefused
from kagimori_client.transaction import (
    AccountType,
    InvalidTransaction,
    Transaction,
    Transfer,
    read,
)
from support.pages.transfers import CHALLENGE_ID, PAYEE, SERVICE_ID, TEXT, transaction, transfer
from support.transactions import VECTORS

VERSION_LINE = "KAGIMORI-T1"


def made_of(vector: dict[str, Any]) -> Transaction:
    listed = [
        Transfer(**(each | {"account_type": AccountType(each["account_type"])}))
        for each in vector["transfers"]
    ]
    return Transaction(tuple(listed))


def test_a_transaction_has_the_text_that_was_written_by_hand() -> None:
    assert transaction().encoded(SERVICE_ID, CHALLENGE_ID) == TEXT


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda vector: vector["name"])
def test_a_listed_transaction_has_the_listed_text_and_is_read_from_it(
    vector: dict[str, Any],
) -> None:
    about = made_of(vector)
    text = about.encoded(vector["service_id"], vector["challenge_id"])
    assert text == vector["text"]
    assert hashlib.sha256(text.encode()).hexdigest() == vector["sha256"]
    said = read(text)
    assert (said.service_id, said.challenge_id) == (vector["service_id"], vector["challenge_id"])
    assert said.transaction == about


@pytest.mark.parametrize(
    "vector", VECTORS["refused_transactions"], ids=lambda vector: vector["name"]
)
def test_what_no_bank_carries_out_is_refused_by_its_field(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidTransaction) as refused:
        made_of(vector).encoded(SERVICE_ID, CHALLENGE_ID)
    assert refused.value.field == vector["field"].rpartition(".")[2]


@pytest.mark.parametrize("vector", VECTORS["refused_texts"], ids=lambda vector: vector["name"])
def test_no_other_text_is_read(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidTransaction) as refused:
        read(vector["text"])
    assert refused.value.field == "text"
    # Which part was wrong would tell of the transaction.
    assert refused.value.__context__ is None


@given(place=st.integers(0, len(TEXT) - 1), put=st.characters(), cut=st.integers(0, 2))
def test_a_changed_text_is_refused_or_says_something_else(place: int, put: str, cut: int) -> None:
    changed = TEXT[:place] + put + TEXT[place + cut :]
    try:
        said = read(changed)
    except InvalidTransaction:
        return
    assert said.transaction.encoded(said.service_id, said.challenge_id) == changed
    if changed != TEXT:
        assert said != read(TEXT)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("bank_code", 310),
        ("branch_code", b"001"),
        ("account_number", None),
        ("account_number", "１234567"),  # noqa: RUF001 - full-width
        ("account_type", "2"),
        ("account_type", 2),
        ("payee_name", None),
        ("amount", "1234567"),
        ("amount", 1234567.0),
        ("amount", True),
        ("reference", None),
    ],
)
def test_what_is_of_another_type_is_refused(field: str, wrong: object) -> None:
    with pytest.raises(InvalidTransaction) as refused:
        transfer(**{field: wrong})
    assert refused.value.field == field


@pytest.mark.parametrize(
    "wrong", ["transfer", None, transfer(), (transfer(), "x"), iter([transfer()])]
)
def test_a_transaction_is_of_transfers(wrong: Any) -> None:  # noqa: ANN401 - that is the point
    with pytest.raises(InvalidTransaction) as refused:
        Transaction(wrong)
    assert refused.value.field == "transfers"


def test_yen_is_the_one_currency() -> None:
    with pytest.raises(InvalidTransaction) as refused:
        Transaction((transfer(),), "USD")
    assert refused.value.field == "currency"


@pytest.mark.parametrize(
    ("service_id", "challenge_id", "field"),
    [
        ("1011223", CHALLENGE_ID, "service_id"),
        ("1011223１", CHALLENGE_ID, "service_id"),  # noqa: RUF001 - full-width
        (f"{SERVICE_ID}\n", CHALLENGE_ID, "service_id"),
        (SERVICE_ID, CHALLENGE_ID.upper(), "challenge_id"),
        (SERVICE_ID, CHALLENGE_ID.replace("-", ""), "challenge_id"),
        (SERVICE_ID, f"{CHALLENGE_ID} ", "challenge_id"),
        (SERVICE_ID, "", "challenge_id"),
    ],
)
def test_a_challenge_is_named_as_the_authority_writes_it(
    service_id: str, challenge_id: str, field: str
) -> None:
    with pytest.raises(InvalidTransaction) as refused:
        transaction().encoded(service_id, challenge_id)
    assert refused.value.field == field


def test_the_list_that_it_was_made_of_may_change_it_does_not() -> None:
    transfers = [transfer()]
    about = Transaction(transfers)  # type: ignore[arg-type] # a list is taken, too
    transfers.append(transfer(amount=1))
    assert about.transfers == (transfer(),)
    with pytest.raises(FrozenInstanceError):
        about.transfers = ()  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        about.transfers[0].amount = 1  # type: ignore[misc]


def test_the_total_is_the_sum() -> None:
    assert transaction(transfer(), transfer(amount=1), transfer(amount=1)).total == 1_234_569


def test_no_repr_and_no_error_shows_what_is_in_it() -> None:
    about = transaction()
    shown = repr(about) + repr(about.transfers) + repr(read(TEXT))
    with pytest.raises(InvalidTransaction) as refused:
        transfer(payee_name=f"{PAYEE}。", amount=1_234_567)
    shown += repr(refused.value) + str(refused.value)
    for private in (PAYEE, "0000042", "1234567", "ｾｲｷﾕｳ"):
        assert private not in shown


def test_a_bank_catches_it_as_a_field_that_is_wrong_or_as_a_value() -> None:
    with pytest.raises(CallRefused):
        transfer(amount=0)
    with pytest.raises(ValueError, match=r"^amount: must be"):
        transfer(amount=0)


def test_an_account_type_is_the_number_of_the_zengin_formats() -> None:
    assert [each.number for each in AccountType] == [1, 2, 4, 9]


def test_what_was_read_can_be_handed_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(read(TEXT))) == read(TEXT)  # noqa: S301 - our own
