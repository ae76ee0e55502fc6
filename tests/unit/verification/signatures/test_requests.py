# SPDX-License-Identifier: Apache-2.0
"""What makes two requests about a signature the same, and what is no signature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from kagimori.application.ports import BySubscriber, Claim, Settlement
from kagimori.application.subscribers import digest_of
from kagimori.application.verification.verify import _message, _Question
from kagimori.domain.code import Otp
from kagimori.domain.errors import ChallengeOver, InvalidField, RequestIdReused
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import MailTemplate, SubscriberNames
from kagimori.domain.transaction import Challenge, SigningProfile, Transaction
from support.banks.bank import CALLER, Bank
from support.databases.challenges import TRANSACTION, TRANSFER, mixed, told_as
from support.phones.signer import Signer, enrol
from support.tokens import SUBSCRIBER, TENANT

TYPED = SigningProfile.TYPED
MINE = BySubscriber(SUBSCRIBER)
ONE_YEN_MORE = Transaction((replace(TRANSFER, amount=TRANSFER.amount + 1),))


def test_the_same_request_has_one_answer_and_one_check(bank: Bank, signer: Signer) -> None:
    signed, request = signer.challenge(), str(uuid4())
    first = signer.sign(signed, signer.code(signed), request_id=request)
    assert first.outcome is Outcome.ACCEPTED
    assert signer.sign(signed, signer.code(signed), request_id=request) == first
    assert bank.vault.searches == 1


def test_a_request_id_is_of_one_code_one_challenge_and_one_transaction(
    bank: Bank, signer: Signer
) -> None:
    signed, another, request = signer.challenge(), signer.challenge(), str(uuid4())
    code = signer.code(signed)
    signer.sign(signed, code, request_id=request)
    for about, offered in (
        (signed, signer.wrong(signed)),
        (another, code),
        (told_as(signed, ONE_YEN_MORE), code),
        (mixed(another, signed), code),
    ):
        with pytest.raises(RequestIdReused):
            signer.sign(about, offered, request_id=request)
    with pytest.raises(RequestIdReused):
        signer.sign(signed, code, request_id=request, subscriber=BySubscriber("another"))
    with pytest.raises(RequestIdReused):
        bank.ask(code, request_id=request)


def test_no_two_questions_have_one_message() -> None:
    code, request = Otp("12345678"), Operation.SIGNATURE
    one = _signed_with("00000000-0000-4000-8000-000000000001")
    questions = [
        _Question(MINE, request, code, signed=one),
        _Question(MINE, request, Otp("12345679"), signed=one),
        _Question(BySubscriber(f"{SUBSCRIBER} "), request, code, signed=one),
        _Question(MINE, request, code, signed=_signed_with("00000000-0000-4000-8000-000000000002")),
        _Question(MINE, request, code, signed=told_as(one, ONE_YEN_MORE)),
        _Question(MINE, Operation.LOGIN, code),
        # A customer whose bank names him like the rest of a signature's message.
        _Question(
            BySubscriber(f"{one.challenge_id} {one.digest.hex()} {SUBSCRIBER}"),
            Operation.LOGIN,
            code,
        ),
    ]
    assert len({_message(question) for question in questions}) == len(questions)


def _signed_with(challenge_id: str) -> Challenge:
    return Challenge(TENANT, challenge_id, TRANSACTION)


@pytest.mark.parametrize("code", ["123456", "1234567", "123456789"])
def test_codes_that_sign_have_eight_digits(bank: Bank, signer: Signer, code: str) -> None:
    signed = signer.challenge()
    with pytest.raises(InvalidField, match="8 digits") as refused:
        signer.sign(signed, code)
    assert refused.value.field == "code"
    assert (bank.vault.searches, bank.attempts()) == (0, (0, 0, 0))


def test_a_code_alone_is_no_signature(bank: Bank, signer: Signer) -> None:
    with pytest.raises(ValueError, match="more than a code"):
        bank.ask(signer.app.login_code(0), operation=Operation.SIGNATURE)

    async def conclude() -> Verdict:
        return await bank.verify.conclude(
            caller=CALLER,
            request_id=str(uuid4()),
            subject=MINE,
            operation=Operation.SIGNATURE,
            code=Otp("12345678"),
            consequence=None,
            words="",
            seconds_left=5.0,
        )

    with pytest.raises(ValueError, match="brings nothing about"):
        bank.run(conclude())


def test_names_that_are_kept_as_digests_are_looked_up_as_such(bank: Bank, signer: Signer) -> None:
    bank.policies[TENANT] = replace(bank.policies[TENANT], subscriber_names=SubscriberNames.HMAC)
    signed = signer.challenge()
    with pytest.raises(ChallengeOver):
        signer.sign(signed, signer.code(signed))
    kept = enrol(bank, 9, subscriber=digest_of(bank.vault, TENANT, "customer-4711"))
    signed = kept.challenge()
    named = {"subscriber": BySubscriber("customer-4711")}
    assert kept.sign(signed, kept.code(signed), **named).outcome is Outcome.ACCEPTED


def test_no_letter_goes_out_about_two_signatures_of_one_step(
    bank: Bank, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = MailTemplate("otp@bank.example", "", "", "", "", "", "", "subject", "body ${support}")
    bank.policies[TENANT] = replace(bank.policies[TENANT], mail=mail)
    told: dict[Operation, str | None] = {}
    commit = bank.store.commit

    async def overheard(settlements: Sequence[Settlement], claims: Sequence[Claim]) -> Any:  # noqa: ANN401 - passed on
        told.update({claim.operation: claim.notify for claim in claims})
        return await commit(settlements, claims)

    monkeypatch.setattr(bank.store, "commit", overheard)
    signed = signer.challenge(TYPED)
    signer.sign(signed, signer.code(signed, TYPED, signer.step))
    bank.ask(signer.login)
    assert told == {Operation.SIGNATURE: None, Operation.LOGIN: "otp@bank.example"}
