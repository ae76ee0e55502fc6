# SPDX-License-Identifier: Apache-2.0
"""What a bank's transfer page hears: a challenge, and what comes of its code."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from kagimori.application.signing.verify import VerifyTransaction
from kagimori.domain.code import Otp
from kagimori.domain.errors import (
    ChallengeOver,
    InvalidField,
    NotIdentified,
    NotOffered,
    TransactionChanged,
)
from kagimori.domain.outcome import Outcome
from kagimori.domain.tenant import SoftwareTokens, SubscriberNames
from kagimori.domain.transaction import (
    TYPED_PERIOD,
    AccountType,
    SigningProfile,
    Transaction,
    question_of,
)
from support.banks.bank import CALLER
from support.banks.signing_desk import SigningDesk
from support.tokens import SUBSCRIBER, TENANT
from support.transactions import transaction, transfer

BATCH = transaction(transfer(), transfer(account_number="7654321", amount=1))
OPEN = ("OPEN", None)

profiles = pytest.mark.parametrize("profile", SigningProfile)


@profiles
def test_what_was_signed_is_accepted(desk: SigningDesk, profile: SigningProfile) -> None:
    app = desk.enrol()
    made = desk.challenge(profile=profile)
    request_id = str(uuid4())
    verdict, digest = desk.verify(made, desk.shown(app, made), request_id=request_id)
    assert verdict.outcome is Outcome.ACCEPTED
    assert verdict.receipt is not None
    assert digest == made.challenge.digest.hex()
    assert desk.row(made) == ("USED", request_id)


def test_a_batch_that_was_signed_is_accepted(desk: SigningDesk) -> None:
    app = desk.enrol()
    made = desk.challenge(BATCH)
    assert desk.verify(made, desk.shown(app, made))[0].outcome is Outcome.ACCEPTED


@profiles
@pytest.mark.parametrize(
    "changed",
    [
        {"amount": 150_001},
        {"account_number": "1234568"},
        {"payee_name": "ﾔﾏﾀﾞ ﾊﾅﾖ"},
        {"reference": ""},
        {"bank": "0002"},
        {"branch": "124"},
        {"account_type": AccountType.SAVINGS},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_changed_field_is_refused_and_costs_nothing(
    desk: SigningDesk, profile: SigningProfile, changed: dict[str, Any]
) -> None:
    app = desk.enrol()
    made = desk.challenge(profile=profile)
    code = desk.shown(app, made)
    with pytest.raises(TransactionChanged):
        desk.verify(made, code, transaction(**changed))
    assert (desk.bank.attempts(), desk.row(made)) == ((0, 0, 0), OPEN)
    assert desk.verify(made, code)[0].outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    "other",
    [
        transaction(transfer()),
        transaction(*BATCH.transfers[::-1]),
        transaction(*BATCH.transfers, transfer()),
        transaction(transfer(amount=149_999), transfer(account_number="7654321", amount=2)),
        transaction(transfer(account_number="7654321"), transfer(amount=1)),
    ],
    ids=["one less", "another order", "one more", "a yen moved", "payees changed over"],
)
def test_of_a_batch_all_is_bound(desk: SigningDesk, other: Transaction) -> None:
    app = desk.enrol()
    made = desk.challenge(BATCH)
    with pytest.raises(TransactionChanged):
        desk.verify(made, desk.shown(app, made), other)


def test_a_challenge_is_answered_once(desk: SigningDesk) -> None:
    app = desk.enrol()
    made = desk.challenge()
    code, request_id = desk.shown(app, made), str(uuid4())
    first = desk.verify(made, code, request_id=request_id)
    with pytest.raises(ChallengeOver):
        desk.verify(made, code)
    assert desk.verify(made, code, request_id=request_id) == first


def test_a_challenge_that_is_too_old_is_over(desk: SigningDesk) -> None:
    app = desk.enrol()
    made = desk.challenge()
    desk.bank.database.run("UPDATE challenges SET expires_at = 1")
    with pytest.raises(ChallengeOver):
        desk.verify(made, desk.shown(app, made))
    assert desk.bank.attempts() == (0, 0, 0)


def test_another_customers_challenge_is_nobodys(desk: SigningDesk) -> None:
    desk.enrol()
    made = desk.challenge()
    theirs = desk.enrol(2, "subscriber-2")
    with pytest.raises(ChallengeOver):
        desk.verify(made, desk.shown(theirs, made), subscriber="subscriber-2")
    assert desk.row(made) == OPEN


def test_a_time_step_that_was_typed_for_once_is_not_accepted_again(desk: SigningDesk) -> None:
    app = desk.enrol()
    first, second = (desk.challenge(profile=SigningProfile.TYPED) for _ in range(2))
    code = desk.shown(app, first)
    assert desk.verify(first, code)[0].outcome is Outcome.ACCEPTED
    assert desk.verify(second, code)[0].outcome is Outcome.REPLAYED
    assert desk.row(second) == OPEN
    # Neighbouring steps may have one code by chance.
    while desk.shown(app, second) == code:
        desk.bank.now += TYPED_PERIOD
    assert desk.verify(second, desk.shown(app, second))[0].outcome is Outcome.ACCEPTED


@profiles
def test_wrong_codes_lock_the_token_for_logins_and_signatures(
    desk: SigningDesk, profile: SigningProfile
) -> None:
    app = desk.enrol()
    made = desk.challenge(profile=profile)
    step = int(desk.bank.now) // TYPED_PERIOD
    question = question_of(profile, made.challenge)
    wrong = app.wrong_code(question, *range(step - 2, step + 3))
    outcomes = [desk.verify(made, wrong)[0].outcome for _ in range(5)]
    assert outcomes == [*[Outcome.REJECTED] * 4, Outcome.LOCKED]
    assert desk.verify(made, desk.shown(app, made))[0].outcome is Outcome.LOCKED
    assert desk.row(made) == OPEN
    login = app.login_code(int(desk.bank.now) // 60)
    assert desk.bank.ask(login).outcome is Outcome.LOCKED
    assert desk.verify(desk.challenge(), "00000000")[0].outcome is Outcome.LOCKED


def test_a_code_of_other_digits_is_refused_before_anything_is_looked_up(desk: SigningDesk) -> None:
    app = desk.enrol()
    made = desk.challenge()
    for code in (desk.shown(app, made)[:6], desk.shown(app, made) + "0"):
        with pytest.raises(InvalidField) as refused:
            desk.verify(made, code)
        assert refused.value.field == "code"
        assert code not in str(refused.value)
    assert desk.bank.attempts() == (0, 0, 0)


@pytest.mark.parametrize(
    ("about", "field"),
    [
        (Transaction(()), "transaction.transfers"),
        (transaction(amount=0), "transaction.transfers[0].amount"),
    ],
    ids=["no transfer", "no amount"],
)
def test_what_has_no_encoding_is_refused_as_it_is_asked(
    desk: SigningDesk, about: Transaction, field: str
) -> None:
    app = desk.enrol()
    made = desk.challenge()
    with pytest.raises(InvalidField) as refused:
        desk.verify(made, desk.shown(app, made), about)
    assert refused.value.field == field
    assert desk.bank.attempts() == (0, 0, 0)


def test_a_bank_that_offers_it_no_more_is_told_so(desk: SigningDesk) -> None:
    app = desk.enrol()
    made = desk.challenge()
    code = desk.shown(app, made)
    desk.change_policy(tokens=SoftwareTokens(digits=8, period=60))
    with pytest.raises(NotOffered, match="signing transactions"):
        desk.verify(made, code)
    assert (desk.bank.attempts(), desk.row(made)) == ((0, 0, 0), OPEN)
    del desk.bank.policies[TENANT]
    with pytest.raises(NotIdentified):
        desk.verify(made, code)


def test_a_refusal_that_needs_no_database_is_raised_at_once(desk: SigningDesk) -> None:
    desk.enrol()
    made = desk.challenge()
    verify = VerifyTransaction(desk.bank.verify, desk.bank.policies)

    async def begin() -> None:
        with pytest.raises(InvalidField):
            verify(
                caller=CALLER,
                request_id=str(uuid4()),
                subscriber_ref=SUBSCRIBER,
                challenge_id=made.challenge.challenge_id,
                transaction=Transaction(()),
                code=Otp("00000000"),
                seconds_left=5.0,
            )
        await asyncio.sleep(0)

    desk.bank.run(begin())


def test_numbers_that_are_kept_as_digests_sign_as_well(desk: SigningDesk) -> None:
    desk.change_policy(subscriber_names=SubscriberNames.HMAC)
    app = desk.enrol()
    made = desk.challenge()
    assert desk.verify(made, desk.shown(app, made))[0].outcome is Outcome.ACCEPTED
    for table in ("challenges", "requests", "audit", "tokens"):
        assert SUBSCRIBER not in str(desk.bank.database.run(f"SELECT * FROM {table}"))  # noqa: S608 - our own


def test_nothing_of_the_transaction_is_written_down(desk: SigningDesk) -> None:
    app = desk.enrol()
    made = desk.challenge(profile=SigningProfile.TYPED)
    code = desk.shown(app, made)
    assert desk.verify(made, code)[0].outcome is Outcome.ACCEPTED
    for table in ("challenges", "requests", "audit", "receipts"):
        kept = str(desk.bank.database.run(f"SELECT * FROM {table}"))  # noqa: S608 - our own
        assert not [word for word in ("ﾔﾏﾀﾞ", "INVOICE", "1234567150000") if word in kept]


def test_logins_and_signatures_have_each_their_own_seed(desk: SigningDesk) -> None:
    app = desk.enrol()
    step = int(desk.bank.now) // 60
    window = [app.login_code(each) for each in (step - 1, step, step + 1)]
    # Codes are alike by chance: until there is a challenge whose is not.
    made = desk.challenge()
    while desk.shown(app, made) in window:
        made = desk.challenge()
    question = question_of(made.profile, made.challenge)
    assert desk.verify(made, window[1])[0].outcome is Outcome.REJECTED
    assert desk.bank.ask(app.code(question)).outcome is Outcome.REJECTED
    assert desk.bank.ask(window[1]).outcome is Outcome.ACCEPTED
    assert desk.verify(made, app.code(question))[0].outcome is Outcome.ACCEPTED
