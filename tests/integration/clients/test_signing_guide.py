# SPDX-License-Identifier: Apache-2.0
"""The guide's chapter on signed transfers: its code runs, and carries nothing else out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final
from uuid import uuid4

import pytest

from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import transaction_pb2, verification_pb2
from kagimori.domain import errors
from kagimori_client import Receipt, TransactionChallenge
from support.pages.bank_page import AWAY_FOR_LONG, REF
from support.pages.guide import Page, section, written
from support.pages.scripted_registry import Registry, Script
from support.pages.signing_page import (
    AT,
    CHALLENGE_ID,
    CODE,
    DIGEST,
    PAYEE,
    TEXT,
    TRANSACTION,
    scanned,
    signed,
    typed,
)

TITLE: Final = "Signing transfers (取引確認)"


@dataclass(frozen=True)
class Order:
    """A transfer as it stands in a bank's books."""

    bank_code: str = "0001"
    branch_code: str = "023"
    account_type: str = "4"
    account_number: str = "4567890"
    payee_name: str = PAYEE
    amount: int = 1_234_567
    reference: str = "INVOICE 42"


ORDERS: Final = [Order()]


@pytest.fixture
def page(registry: Registry, script: Script) -> Iterator[Page]:
    """The transfer page as the guide writes it."""
    assert not script.asked
    page = written(registry, TITLE, {"core-1": "channel"})
    with page["bank"]:
        yield page


@pytest.mark.parametrize(
    ("word", "can_sign", "shown"),
    [
        (verification_pb2.OTP_REQUIREMENT_NONE, True, "NONE"),
        (verification_pb2.OTP_REQUIREMENT_OTP, True, "OTP"),
        (verification_pb2.OTP_REQUIREMENT_SIGNATURE, True, "取引確認番号"),
        (verification_pb2.OTP_REQUIREMENT_SIGNATURE, False, "トークンアプリでのみ"),
    ],
)
def test_the_page_asks_for_what_the_amount_needs(
    page: Page,
    script: Script,
    word: verification_pb2.OtpRequirement,
    can_sign: bool,  # noqa: FBT001 - a case
    shown: str,
) -> None:
    told = verification_pb2.GetOtpRequirementResponse(requirement=word, can_sign=can_sign)
    script.answers.append(told)
    assert shown in page["what_to_ask"](REF, 100_000)
    assert script.only.request.amount == 100_000


def test_the_page_shows_what_it_will_carry_out_and_then_does(page: Page, script: Script) -> None:
    script.answers.extend([scanned(), signed()])
    challenge = page["ask_to_sign"](REF, ORDERS, uuid4())
    assert isinstance(challenge, TransactionChallenge)
    assert challenge.text == TEXT
    shown = page["carry_out"](REF, ORDERS, challenge.challenge_id, CODE, uuid4())
    assert "受付番号 1234567" in shown
    asked, answered = (call.request for call in script.asked)
    assert asked.transaction == answered.transaction
    assert answered.challenge_id == str(CHALLENGE_ID)


def test_the_page_reads_the_books_anew_when_it_carries_out(page: Page, script: Script) -> None:
    script.answers.append(errors.TransactionChanged())
    changed = [replace(ORDERS[0], amount=1_234_568)]
    assert page["carry_out"](REF, changed, CHALLENGE_ID, CODE, uuid4()) == "振込を中止しました。"
    assert script.only.request.transaction.transfers[0].amount == 1_234_568


def test_the_page_says_what_to_type(page: Page, script: Script) -> None:
    script.answers.append(typed())
    challenge_id, shown = page["ask_to_type"](REF, ORDERS, uuid4())
    assert (challenge_id, shown) == (CHALLENGE_ID, "口座番号 4567890  金額 1234567")
    assert script.only.request.profile == transaction_pb2.SIGNING_PROFILE_TYPED


def test_the_page_is_sorry_for_what_is_refused(page: Page, script: Script) -> None:
    wrong = transaction_pb2.VerifyTransactionResponse(outcome=types_pb2.OUTCOME_REJECTED)
    script.answers.extend([errors.CannotSign(), errors.ChallengeOver(), wrong, AWAY_FOR_LONG])
    assert page["ask_to_sign"](REF, ORDERS, uuid4()) == "CannotSign"
    for said in ("ChallengeOver", "OtpRejected", "Unavailable"):
        assert page["carry_out"](REF, ORDERS, CHALLENGE_ID, CODE, uuid4()) == said


def test_the_page_names_the_field_that_nobody_can_sign(page: Page, script: Script) -> None:
    full_width = [replace(ORDERS[0], payee_name="クマモト")]
    assert "(payee_name)" in page["ask_to_sign"](REF, full_width, uuid4())
    assert not script.asked


def test_the_books_show_later_what_was_signed(page: Page) -> None:
    receipt = Receipt("1234567", AT, transaction_digest=DIGEST)
    assert page["transaction_of"](ORDERS) == TRANSACTION
    assert page["was_signed"](receipt, ORDERS, "10112231", CHALLENGE_ID)
    other = [replace(ORDERS[0], amount=1_234_568)]
    assert not page["was_signed"](receipt, other, "10112231", CHALLENGE_ID)
    assert not page["was_signed"](receipt, ORDERS, "10112231", uuid4())


def test_the_chapter_tells_of_every_refusal_of_a_challenge() -> None:
    for kind in (errors.CannotSign, errors.TransactionChanged, errors.ChallengeOver):
        assert f"`{kind.__name__}`" in section(TITLE)
